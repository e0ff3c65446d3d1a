//! What one Canary claims for itself, and in what two of them get into each other's way.

use crate::api::{Canary, Provider, TargetKind};
use crate::routing::{self, Meeting, RouteClaim};

/// What a Canary claims, most of it in its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its namespace.
    pub namespace: String,
    /// Kind of its target.
    pub kind: TargetKind,
    /// Name of its target.
    pub target: String,
    /// Name of its apex Service, from which the names of the other two follow.
    pub apex: String,
    /// Hosts inside of the mesh, where one route a host counts; in order.
    pub mesh_hosts: Box<[String]>,
    /// Requests that its route alone is to answer, of whatever namespace the Gateway is.
    pub routes: Vec<RouteClaim>,
}

impl Claim {
    /// The claim of a Canary; `default` is the provider of Canaries that name none.
    pub fn of(canary: &Canary, default: Provider) -> Self {
        Claim {
            namespace: canary.namespace_name(),
            kind: canary.spec.target_ref.kind,
            target: canary.target_name().to_owned(),
            apex: canary.apex_name().to_owned(),
            mesh_hosts: routing::mesh_hosts(canary).into_iter().collect(),
            routes: routing::claims(canary, default),
        }
    }
}

/// In what two Canaries get into each other's way; the first that holds is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Both release the same workload.
    Target,
    /// The target of one is the primary that the other makes.
    Primary,
    /// Both use the same apex Service name.
    Apex,
    /// The apex Service of one has the name of the other's primary or canary Service.
    ServiceName,
    /// The routes of both claim the same requests.
    Route,
    /// The route of one claims requests at a part of the entrance of which the other claims all.
    RoutePart,
}

/// The suffixes of the two Services beside the apex.
pub(super) const SUFFIXES: [&str; 2] = ["-primary", "-canary"];
/// The suffix of a primary workload.
pub(super) const PRIMARY: &str = "-primary";

impl Claim {
    /// Name of the workload that serves, as [`Canary::primary_name`] has it.
    pub fn primary(&self) -> String {
        format!("{}{PRIMARY}", self.target)
    }

    /// Names of the three Services.
    pub fn services(&self) -> [String; 3] {
        let [primary, canary] = SUFFIXES.map(|suffix| format!("{}{suffix}", self.apex));
        [self.apex.clone(), primary, canary]
    }

    /// In what two claims get into each other's way.
    pub fn overlap(&self, other: &Claim) -> Option<Overlap> {
        let near = (self.namespace == other.namespace).then(|| self.near(other)).flatten();
        near.or_else(|| self.meeting(other).map(|(overlap, _)| overlap))
    }

    /// How the routes of two Canaries meet at worst, and where.
    pub fn meeting(&self, other: &Claim) -> Option<(Overlap, &RouteClaim)> {
        let met = self
            .routes
            .iter()
            .flat_map(|own| other.routes.iter().filter_map(move |other| Some((own.meets(other)?, own))));
        let mut part = None;
        for (meeting, claim) in met {
            match meeting {
                Meeting::Equal => return Some((Overlap::Route, claim)),
                Meeting::Part => part = part.or(Some((Overlap::RoutePart, claim))),
            }
        }
        part
    }

    /// In what two claims of one namespace get into each other's way.
    fn near(&self, other: &Claim) -> Option<Overlap> {
        let extends = |long: &str, short: &str, suffix: &str| long.strip_suffix(suffix) == Some(short);
        if self.kind == other.kind {
            if self.target == other.target {
                return Some(Overlap::Target);
            }
            if extends(&self.target, &other.target, PRIMARY) || extends(&other.target, &self.target, PRIMARY)
            {
                return Some(Overlap::Primary);
            }
        }
        if self.apex == other.apex {
            return Some(Overlap::Apex);
        }
        let collides = |suffix: &&str| {
            extends(&self.apex, &other.apex, suffix) || extends(&other.apex, &self.apex, suffix)
        };
        SUFFIXES.iter().any(collides).then_some(Overlap::ServiceName)
    }
}
