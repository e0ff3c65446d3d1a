//! The queries behind `request-success-rate` and `request-duration`, one metrics source a file. A source only knows
//! texts: it asks nobody.

mod collapse;
mod http;

use crate::api::{Provider, TargetKind};

pub use collapse::collapse;

/// All sources. A new one is a file beside this and a line here.
const SOURCES: &[&dyn Source] = &[&http::Http];

/// Where the builtin metrics of some routing providers come from.
pub trait Source: Sync {
    /// Whether this source measures the traffic of a provider.
    fn serves(&self, provider: Provider) -> bool;
    /// The share of requests that did not fail, in percent.
    fn success_rate(&self, target: TargetKind) -> Builtin;
    /// How long requests take.
    fn duration(&self, target: TargetKind) -> Builtin;
}

/// The query of a builtin metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Builtin {
    /// PromQL with placeholders, read by [`crate::analysis::template::parse`].
    pub template: String,
    /// What the answer is multiplied by to become percent or milliseconds.
    pub scale: f64,
}

/// The source for a provider, or `None` while nobody wrote one.
pub fn source(provider: Provider) -> Option<&'static dyn Source> {
    find(SOURCES, provider)
}

fn find<'a>(sources: &[&'a dyn Source], provider: Provider) -> Option<&'a dyn Source> {
    sources.iter().copied().find(|source| source.serves(provider))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::template;

    #[test]
    fn a_new_source_is_one_type_and_one_line_in_the_list() {
        struct Mesh;
        impl Source for Mesh {
            fn serves(&self, provider: Provider) -> bool {
                provider == Provider::Istio
            }
            fn success_rate(&self, _: TargetKind) -> Builtin {
                Builtin { template: "ok{ns=\"{{ namespace }}\"}".into(), scale: 1.0 }
            }
            fn duration(&self, _: TargetKind) -> Builtin {
                Builtin { template: "slow".into(), scale: 1.0 }
            }
        }
        let sources: &[&dyn Source] = &[&http::Http, &Mesh];
        let found = find(sources, Provider::Istio).unwrap();
        assert_eq!(found.duration(TargetKind::Deployment).template, "slow");
    }

    #[test]
    fn every_provider_has_at_most_one_source_and_every_text_parses() {
        for provider in Provider::ALL {
            let serving: Vec<_> = SOURCES.iter().filter(|source| source.serves(*provider)).collect();
            assert!(serving.len() <= 1, "{provider} is served twice");
            for (source, target) in
                serving.iter().flat_map(|source| TargetKind::ALL.iter().map(move |target| (source, *target)))
            {
                for builtin in [source.success_rate(target), source.duration(target)] {
                    template::parse(&builtin.template).unwrap();
                    assert_eq!(collapse(&builtin.template), builtin.template);
                    assert!(builtin.scale > 0.0);
                }
            }
        }
    }
}
