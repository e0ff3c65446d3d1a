//! Long flags with one dash (`-selector-labels=app`), as the peer has them.

use std::ffi::OsString;

/// The same arguments with two dashes before every long flag.
pub(super) fn with_two_dashes(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    arguments.into_iter().map(|argument| argument.to_str().and_then(lengthen).unwrap_or(argument)).collect()
}

/// `-flag` becomes `--flag`; short flags (`-h`) and everything else stay.
fn lengthen(argument: &str) -> Option<OsString> {
    let flag = argument.strip_prefix('-')?;
    let mut characters = flag.chars();
    let long = characters.next()?.is_ascii_lowercase() && characters.next()?.is_ascii_lowercase();
    long.then(|| format!("--{flag}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_is_as_good_as_two() {
        let given = ["sluice", "run", "-no-cross-namespace-refs=true", "--name", "x", "-h", "-", "-1"];
        let read = with_two_dashes(given.map(OsString::from));
        assert_eq!(read, ["sluice", "run", "--no-cross-namespace-refs=true", "--name", "x", "-h", "-", "-1"]);
    }
}
