use super::*;

fn check(hosts: &[&str], address: &str) -> Result<(), String> {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    Allowed::new(&hosts).check(&Url::parse(address).expect("it is an address"))
}

#[test]
fn a_host_is_allowed_as_it_is_listed() {
    for (hosts, address) in [
        (&["api.example.com"][..], "https://api.example.com/x"),
        (&["api.example.com"], "https://API.example.com./x"),
        (&["api.example.com"], "http://api.example.com/x"),
        (&["api.example.com:8443"], "https://api.example.com:8443/"),
        (&["*.example.com"], "https://a.b.example.com/"),
        (&["127.0.0.1:80"], "http://127.0.0.1/"),
        (&["10.0.0.7:8080"], "http://10.0.0.7:8080/"),
        (&["[::1]:8080"], "http://[::1]:8080/"),
        (&["::1"], "http://[::1]/"),
        (&["1.1.1.1"], "https://1.1.1.1/"),
    ] {
        assert_eq!(check(hosts, address), Ok(()), "{hosts:?} {address}");
    }
}

#[test]
fn all_others_are_not() {
    for (hosts, address) in [
        (&[][..], "https://example.com/"),
        (&["example.com"], "https://example.com:8443/"),
        (&["example.com"], "https://example.com.evil.test/"),
        (&["example.com"], "https://evilexample.com/"),
        (&["*.example.com"], "https://example.com/"),
        (&["*.example.com"], "https://evilexample.com/"),
        (&["example.com"], "https://evil.test@evil.test/?example.com"),
        (&["example.com:8443"], "https://example.com/"),
        (&["127.0.0.1"], "http://2130706433:81/"),
        (&["example.com"], "ftp://example.com/"),
    ] {
        assert!(check(hosts, address).is_err(), "{hosts:?} {address}");
    }
    assert!(check(&["example.com"], "http://2130706433/").is_err_and(|said| said.contains("127.0.0.1")));
}

#[test]
fn private_addresses_have_to_be_listed_themselves() {
    let allowed = Allowed::new(&["internal.test".to_owned(), "10.0.0.7".to_owned(), "localhost".to_owned()]);
    let reach = |address: &str| allowed.may_reach(address.parse().expect("it is an address"));
    for address in ["10.0.0.7", "127.0.0.1", "::1", "1.1.1.1", "2606:4700:4700::1111", "::ffff:10.0.0.7"] {
        assert!(reach(address), "{address}");
    }
    for address in [
        "10.0.0.8",
        "127.0.0.2",
        "169.254.169.254",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "fd00:ec2::254",
        "fe80::1",
        "::",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::7f00:1",
    ] {
        assert!(!reach(address), "{address}");
    }
}
