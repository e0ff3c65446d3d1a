//! Addresses that no request of users ever reaches, whatever name leads there.

use std::net::IpAddr;

use reqwest::Url;

use crate::admission::address::{is_machine, plain};

/// The address that a URL names itself.
pub fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.into()),
        url::Host::Domain(_) => None,
    }
}

/// Whether an address may be called; `own` allows this machine. The error is a fragment.
pub fn judge(address: IpAddr, own: bool) -> Result<(), String> {
    let address = plain(address);
    let nobody = match address {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    };
    if nobody || is_machine(address) {
        return Err(format!("its host is {address}, which is never called"));
    }
    if address.is_loopback() && !own {
        return Err(format!(
            "its host is {address}, Sluice's own machine, which is called only where the operator names that host"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_pod("10.244.1.7", true)]
    #[case::a_service_of_version_6("fd12::7", true)]
    #[case::w_hk_6_link_local("169.254.169.254", false)]
    #[case::w_hk_6_link_local_of_version_6("fe80::1", false)]
    #[case::w_hk_6_mapped("::ffff:169.254.169.254", false)]
    #[case::w_hk_6_translated("64:ff9b::a9fe:a9fe", false)]
    #[case::w_hk_6_amazon_by_version_6("fd00:ec2::254", false)]
    #[case::w_hk_6_azure("168.63.129.16", false)]
    #[case::nobody("0.0.0.0", false)]
    #[case::many("224.0.0.1", false)]
    #[case::the_pod_itself("127.0.0.1", false)]
    #[case::the_pod_itself_by_version_6("::1", false)]
    #[case::the_pod_itself_mapped("::ffff:127.0.0.1", false)]
    fn an_address_may_be_called(#[case] address: &str, #[case] expected: bool) {
        assert_eq!(judge(address.parse().unwrap(), false).is_ok(), expected);
    }

    #[test]
    fn this_machine_only_on_the_operators_word_and_metadata_never() {
        assert_eq!(judge("127.0.0.1".parse().unwrap(), true), Ok(()));
        assert!(judge("169.254.169.254".parse().unwrap(), true).is_err());
    }
}
