//! Cookies by which a user stays on the version that answered first.

use crate::api::StringMatch;

/// A cookie, as a proxy compares it and as an answer sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// `name=value`.
    pub pair: String,
    /// The value of the header `Set-Cookie`: the pair and its attributes.
    pub set: String,
}

/// The cookies that a route knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// Of those whom the canary answered; answers of the canary set it.
    pub canary: Option<Cookie>,
    /// Of those whom the primary answered in this step; answers of the primary set it.
    pub primary: Option<Cookie>,
    /// Of an earlier run: the next answer takes it away.
    pub former: Option<Cookie>,
}

impl Cookies {
    /// No cookie.
    pub const NONE: Cookies = Cookies { canary: None, primary: None, former: None };
}

impl Cookie {
    /// The condition on the header `Cookie` that holds where this one is among the cookies, as a whole.
    pub(super) fn condition(&self) -> StringMatch {
        let regex = format!("^(.*; ?)?{}(;.*)?$", regex::escape(&self.pair));
        StringMatch { regex: Some(regex), ..StringMatch::default() }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone("shop.v=a1", true)]
    #[case::first("shop.v=a1; other=2", true)]
    #[case::last("other=2; shop.v=a1", true)]
    #[case::between("a=1;shop.v=a1;b=2", true)]
    #[case::another_value("shop.v=a12", false)]
    #[case::another_name("my-shop.v=a1", false)]
    #[case::a_dot_is_a_dot("shop-v=a1", false)]
    #[case::the_value_of_another_one("other=shop.v=a1", false)]
    #[case::none("", false)]
    fn a_cookie_is_known_by_its_whole_name_and_value(#[case] header: &str, #[case] known: bool) {
        let cookie = Cookie { pair: "shop.v=a1".to_owned(), set: String::new() };
        let regex = Regex::new(&cookie.condition().regex.unwrap()).unwrap();
        assert_eq!(regex.is_match(header), known);
    }
}
