//! A stand-in for what gives AWS's roles their logins: the metadata of an instance, the endpoint of a container,
//! and the token service that takes a web identity. As much of each as asking for one login needs.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::Failure;

/// What an instance has to show once it has asked for it.
const SESSION: &str = "a-session-of-the-instance";
const SHOWN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
/// Later than any test.
const END: &str = "2099-01-01T00:00:00Z";

/// The running stand-in; it ends when this is dropped.
#[derive(Debug)]
pub struct Roles {
    /// Where it is.
    pub url: String,
    task: AbortHandle,
}

impl Roles {
    /// The identity it believes.
    pub const IDENTITY: &str = "a-web-identity";

    /// One that gives everyone this login.
    pub async fn start(id: &str, secret: &str) -> Result<Self, Failure> {
        let login = Arc::new([id.to_owned(), secret.to_owned()]);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&login)));
            }
        });
        Ok(Self { url, task: task.abort_handle() })
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, login: Arc<[String; 2]>) {
    let service = service_fn(|request| {
        let login = Arc::clone(&login);
        async move { Ok::<_, Infallible>(answer(request, &login).await) }
    });
    // a client that hangs up is no news here
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(client), service).await;
}

async fn answer(request: Request<Incoming>, [id, secret]: &[String; 2]) -> Response<Full<Bytes>> {
    const METADATA: &str = "/latest/meta-data/iam/security-credentials";
    let (path, is_shown) =
        (request.uri().path().to_owned(), request.headers().get(SHOWN).is_some_and(|shown| shown == SESSION));
    let login = json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2020-01-01T00:00:00Z",
        "AccessKeyId": id, "SecretAccessKey": secret, "Token": "a-session", "Expiration": END,
    });
    match (request.method().as_str(), path.as_str()) {
        ("PUT", "/latest/api/token") => {
            let mut response = respond(StatusCode::OK, SESSION);
            let seconds = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
            response.headers_mut().insert(seconds, "21600".parse().expect("a number is a value"));
            response
        }
        ("GET", path) if path.starts_with(METADATA) && !is_shown => {
            respond(StatusCode::UNAUTHORIZED, "expected the token of a session")
        }
        ("GET", path)
            if path.strip_prefix(METADATA).is_some_and(|rest| rest.trim_matches('/').is_empty()) =>
        {
            respond(StatusCode::OK, "the-role")
        }
        ("GET", path) if path == format!("{METADATA}/the-role") => {
            respond(StatusCode::OK, &login.to_string())
        }
        ("GET", "/container") => respond(StatusCode::OK, &login.to_string()),
        ("POST", "/") => {
            let body = request
                .into_body()
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            let wanted = format!("WebIdentityToken={}", Roles::IDENTITY);
            if !String::from_utf8_lossy(&body).split('&').any(|part| part == wanted) {
                return respond(StatusCode::FORBIDDEN, "expected another identity");
            }
            respond(StatusCode::OK, &assumed(id, secret))
        }
        _ => respond(StatusCode::NOT_FOUND, "there is nothing"),
    }
}

fn assumed(id: &str, secret: &str) -> String {
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>a-session</SessionToken>\
         <Expiration>{END}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:penstock</AssumedRoleId>\
         <Arn>arn:aws:sts::123456789012:assumed-role/the-role/penstock</Arn></AssumedRoleUser>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
}

fn respond(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    response
}
