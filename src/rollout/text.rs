//! What other rooms say, made to sentences: they leave it to us to name the object.

/// A text that begins and ends as sentences do. A first word that is no plain one (a path, a metric) stays as it is.
pub(super) fn whole(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    let plain =
        text.split_once(' ').is_some_and(|(word, _)| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    if let Some(first) = text.get_mut(..1).filter(|_| plain) {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fragment("reading Deployment shop: gone", "Reading Deployment shop: gone.")]
    #[case::sentence("Deployment shop serves.", "Deployment shop serves.")]
    #[case::path("spec.service is missing", "spec.service is missing.")]
    #[case::metric("error-rate 5 is above 1 ", "error-rate 5 is above 1.")]
    #[case::not_latin("ünder way", "ünder way.")]
    #[case::empty("", ".")]
    fn a_fragment_becomes_a_sentence(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(whole(text.to_owned()), expected);
    }
}
