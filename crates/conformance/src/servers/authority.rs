//! A certificate authority of the tests' own, which no machine trusts unless it is told to.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

use crate::Failure;

/// An authority, and the file with its certificate.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// What a server shows, and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key, for its owner alone.
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self, Failure> {
        let mut about = CertificateParams::default();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        about.distinguished_name.push(DnType::CommonName, "authority of the tests");
        let (folder, key) = (tempfile::tempdir()?, KeyPair::generate()?);
        std::fs::write(folder.path().join("root.pem"), about.self_signed(&key)?.pem())?;
        Ok(Self { folder, issuer: Issuer::new(about, key) })
    }

    /// The file that who trusts it has to read.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// A certificate for servers that are called `names`, as files in `folder`.
    pub fn certify(&self, names: &[&str], folder: &Path) -> Result<Certificate, Failure> {
        use std::os::unix::fs::PermissionsExt as _;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let signed = CertificateParams::new(names)?.signed_by(&key, &self.issuer)?;
        let files = Certificate { certificate: folder.join("server.pem"), key: folder.join("server.key") };
        std::fs::write(&files.certificate, signed.pem())?;
        std::fs::write(&files.key, key.serialize_pem())?;
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600))?;
        Ok(files)
    }
}
