//! Addresses that Sluice calls for a user: what can be said of one without calling it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Names and addresses at which clouds give the credentials of a machine to whoever asks from it. Most of them are link-local
/// addresses as well.
const METADATA_NAMES: [&str; 3] = ["metadata", "metadata.google.internal", "metadata.goog"];
/// Alibaba's, Azure's and Oracle's.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
/// Amazon's.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Reads an address that HTTP can call: scheme http or https, and a host.
///
/// # Errors
/// What is wrong with it, without the address: that may hold credentials.
pub fn read(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("its scheme is {other}")),
    }
}

/// Whether an address belongs to the machine that Sluice runs on: link-local, or a cloud's metadata service. Names that only
/// lead there are for whoever resolves them to refuse.
pub fn is_of_the_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            METADATA_NAMES.contains(&name.trim_end_matches('.').to_ascii_lowercase().as_str())
        }
        Some(Host::Ipv4(address)) => is_machine(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_machine(IpAddr::V6(address)),
        None => false,
    }
}

/// Whether an address in digits is link-local or of a cloud's metadata service.
pub fn is_machine(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(address) => address.is_link_local() || METADATA_V4.contains(&address),
        IpAddr::V6(address) => address.is_unicast_link_local() || address == METADATA_V6,
    }
}

/// An address of version 4 in its own form, however it is written: mapped, or behind a translator (RFC 6052).
pub fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match (v6.to_ipv4_mapped(), v6.segments()) {
        (Some(v4), _) => v4.into(),
        (None, [0x64, 0xff9b, 0, 0, 0, 0, high, low]) => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => address,
    }
}

/// Whether a user name or a password stands in the address.
pub fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://169.254.169.254/latest/meta-data/", true)]
    #[case::as_one_number("http://2852039166/", true)]
    #[case::in_octal("http://0251.0376.0251.0376/", true)]
    #[case::mapped("http://[::ffff:169.254.169.254]/", true)]
    #[case::translated("http://[64:ff9b::a9fe:a9fe]/", true)]
    #[case::of_azure("http://168.63.129.16/", true)]
    #[case::link_local("https://[fe80::1]:8443/", true)]
    #[case::of_amazon("http://[fd00:ec2::254]/", true)]
    #[case::of_alibaba("http://100.100.100.200/", true)]
    #[case::of_google("http://METADATA.google.internal./", true)]
    #[case::a_service("http://approver.shop.svc.cluster.local:8080/", false)]
    #[case::a_like_name("http://metadata.shop/", false)]
    #[case::private("http://10.0.0.1/", false)]
    fn addresses_of_the_machine_are_known_however_they_are_written(
        #[case] text: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_of_the_machine(&read(text).unwrap()), expected, "{text}");
    }

    #[rstest]
    #[case("http://")]
    #[case("approver.shop/check")]
    #[case("ftp://approver.shop/")]
    #[case("http://a b/")]
    #[case("http://shop:99999/")]
    fn what_http_cannot_call_is_no_address(#[case] text: &str) {
        assert!(read(text).is_err(), "{text}");
    }

    #[test]
    fn credentials_are_seen() {
        let found = |text: &str| has_credentials(&read(text).unwrap());
        assert!(found("https://ann:secret@shop/") && found("https://token@shop/"));
        assert!(!found("https://shop/?user=ann@example.com"));
    }
}
