//! What is wrong with the objects in files, each problem with its place.

use crate::{
    admission::{
        Lookup, Problem, Severity,
        set::{KINDS, Set, is_ours},
    },
    api::{API_VERSION, ObjectRef},
    cli::manifests::{Fault, Manifest, Place, Reading},
    rollout::Settings,
};

/// A problem of an object in a file.
#[derive(Debug)]
pub(super) struct Finding {
    /// The file, the document and the line of the field.
    pub(super) place: Place,
    /// The object.
    pub(super) object: ObjectRef,
    /// What is wrong.
    pub(super) problem: Problem,
}

/// The outcome for all files.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What is wrong, by file and document, of each document the worst first.
    pub(super) findings: Vec<Finding>,
    /// What cannot be read or is of a version that is not served.
    pub(super) faults: Vec<Fault>,
    /// Where something else than objects of Kubernetes is.
    pub(super) foreign: Vec<Fault>,
    /// What objects refer to and the files do not have; empty if they are all that there is.
    pub(super) unseen: Vec<ObjectRef>,
    /// How many files were read.
    pub(super) files: usize,
    /// How many objects were judged.
    pub(super) judged: usize,
}

impl Report {
    /// Judges what was read; `complete` if the cluster has nothing else.
    pub(super) fn of(reading: Reading, settings: &Settings, complete: bool) -> Self {
        let (foreign, faults) = reading.faults.into_iter().partition(|fault| fault.foreign);
        let mut report = Report { faults, foreign, files: reading.files, ..Report::default() };
        let absent = if complete { Lookup::Missing } else { Lookup::Unseen };
        let set = Set::new(reading.manifests.iter().map(|manifest| &manifest.object), settings, absent);
        for manifest in reading.manifests.iter().filter(|manifest| is_ours(&manifest.object)) {
            report.judge(manifest, &set, complete);
        }
        report.unseen.sort();
        report.unseen.dedup();
        report
    }

    fn judge(&mut self, manifest: &Manifest, set: &Set<'_>, complete: bool) {
        let object = ObjectRef::of(&manifest.object);
        if object.api_version != API_VERSION || !KINDS.contains(&object.kind.as_str()) {
            let ObjectRef { api_version, kind, .. } = &object;
            let why = format!(
                "{api_version} {kind} is not served: write apiVersion {API_VERSION} and one of the kinds {}",
                KINDS.join(", ")
            );
            return self.faults.push(Fault { place: manifest.place.clone(), why, foreign: false });
        }
        self.judged += 1;
        let judgement = set.judge(&manifest.object, None);
        self.findings.extend(judgement.problems.into_iter().map(|problem| {
            let line = manifest.lines.of(&problem.path);
            Finding { place: Place { line, ..manifest.place.clone() }, object: object.clone(), problem }
        }));
        if !complete {
            self.unseen.extend(judgement.unseen);
        }
    }

    /// Forgets what is not a reason to fail.
    pub(super) fn keep_quiet(&mut self, strict: bool) {
        self.findings.retain(|finding| strict || finding.problem.severity == Severity::Error);
    }

    /// How many problems there are of a severity.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.problem.severity == severity).count()
    }

    /// The exit code: 2 if something could not be read, for then nobody knows what else is wrong.
    pub(super) fn code(&self, strict: bool) -> u8 {
        let refused = self.count(Severity::Error) > 0 || strict && !self.findings.is_empty();
        match (self.faults.is_empty(), refused) {
            (false, _) => 2,
            (true, refused) => u8::from(refused),
        }
    }
}
