//! Objects of Kubernetes out of files, folders and standard input: YAML and JSON, many documents in each.

mod documents;
mod files;
mod lines;

use std::{fmt, path::PathBuf};

use serde_json::Value;

use self::documents::Document;
pub(super) use self::lines::Lines;
use super::CliError;
use crate::{admission::set::KINDS, api::Object};

/// Where a document stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file as it was named, or `standard input`.
    pub(super) file: String,
    /// Which document of the file, from 1; none for what concerns the file as a whole.
    pub(super) document: Option<usize>,
    /// A line in the file, from 1.
    pub(super) line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.document {
            Some(_) => write!(f, "{}:{}", self.file, self.line),
            None => f.write_str(&self.file),
        }
    }
}

/// One object and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    /// Where it begins.
    pub(super) place: Place,
    /// Where its fields stand.
    pub(super) lines: Lines,
    /// The object; its `kind` and `apiVersion` are texts and its `metadata.name` is one.
    pub(super) object: Object,
}

/// Something that is no object.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// Where it stands.
    pub(super) place: Place,
    /// Why it is none, and the way out.
    pub(super) why: String,
    /// Whether it could be read all the same: it is something else than an object of Kubernetes.
    pub(super) foreign: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The objects, in the order of paths, files and documents.
    pub(super) manifests: Vec<Manifest>,
    /// What is no object, in the same order.
    pub(super) faults: Vec<Fault>,
    /// How many files there were.
    pub(super) files: usize,
}

/// The objects of files, of all files in folders (also below) and, for `-`, of standard input. Objects that name no namespace
/// get `namespace`.
///
/// # Errors
/// The first file that cannot be read, or document that is no object.
pub(super) fn read(paths: &[PathBuf], namespace: &str) -> Result<Vec<Manifest>, CliError> {
    let reading = read_all(paths, namespace);
    match reading.faults.into_iter().next() {
        Some(Fault { place, why, .. }) => Err(CliError::Manifest { place: place.to_string(), fault: why }),
        None => Ok(reading.manifests),
    }
}

/// The same, with everything that is no object beside those that are.
pub(super) fn read_all(paths: &[PathBuf], namespace: &str) -> Reading {
    let mut reading = Reading::default();
    for source in paths.iter().flat_map(|path| files::sources(path)) {
        reading.files += 1;
        match source.text {
            Ok(text) => reading.take(&source.name, &text, namespace),
            Err(why) => {
                let place = Place { file: source.name, document: None, line: 1 };
                reading.faults.push(Fault { place, why, foreign: false });
            }
        }
    }
    reading
}

impl Reading {
    /// Takes the objects of a text.
    fn take(&mut self, file: &str, text: &str, namespace: &str) {
        for (index, Document { line, content }) in documents::documents(text).into_iter().enumerate() {
            let at = |line| Place { file: file.to_owned(), document: Some(index + 1), line };
            match content {
                Err(why) => self.faults.push(Fault { place: at(line), why, foreign: false }),
                Ok(content) => {
                    for (object, lines) in listed(content.value, content.lines) {
                        self.object(at(lines.of("")), object, lines, namespace);
                    }
                }
            }
        }
    }

    fn object(&mut self, place: Place, mut object: Value, lines: Lines, namespace: &str) {
        if let Err(why) = check(&object) {
            let foreign = !object["kind"].as_str().is_some_and(|kind| KINDS.contains(&kind));
            return self.faults.push(Fault { place, why, foreign });
        }
        let own = &mut object["metadata"]["namespace"];
        if own.as_str().is_none_or(str::is_empty) {
            *own = namespace.into();
        }
        self.manifests.push(Manifest { place, lines, object });
    }
}

/// The items of a list as `kubectl get` prints one; anything else is itself.
fn listed(mut value: Value, lines: Lines) -> Vec<(Value, Lines)> {
    let is_list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            (0..).zip(items).map(|(index, item)| (item, lines.item("items", index))).collect()
        }
        Some(items) => {
            value["items"] = items;
            vec![(value, lines)]
        }
        None => vec![(value, lines)],
    }
}

/// Whether a value is an object of Kubernetes, or what it lacks.
fn check(object: &Value) -> Result<(), String> {
    if !object.is_object() {
        return Err("no object of Kubernetes: write apiVersion, kind and metadata.name".to_owned());
    }
    for field in ["/apiVersion", "/kind", "/metadata/name"] {
        if object.pointer(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            let field = field.trim_start_matches('/').replace('/', ".");
            return Err(format!("no object of Kubernetes: {field} is missing or is no text"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: cider}\n";

    fn taken(text: &str) -> Reading {
        let mut reading = Reading::default();
        reading.take("f.yaml", text, "orchard");
        reading
    }

    #[rstest]
    #[case::one(SERVICE.to_owned(), &[(1, 3)])]
    #[case::a_list(r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"v1","kind":"Service","metadata":{"name":"cider"}},
        {"apiVersion":"v1","kind":"Service",
         "metadata":{"name":"cider"}}]}"#.to_owned(), &[(2, 2), (3, 4)])]
    #[case::a_list_in_yaml("apiVersion: v1\nkind: ServiceList\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: cider\n".to_owned(), &[(4, 7)])]
    fn objects_know_where_they_stand(#[case] text: String, #[case] expected: &[(u64, u64)]) {
        let reading = taken(&text);
        assert!(reading.faults.is_empty(), "{:?}", reading.faults);
        let lines: Vec<(u64, u64)> = reading
            .manifests
            .iter()
            .map(|manifest| (manifest.place.line, manifest.lines.of("metadata.name")))
            .collect();
        assert_eq!(lines, expected);
    }

    #[rstest]
    #[case::kind(
        "apiVersion: v1\nmetadata: {name: a}",
        "no object of Kubernetes: kind is missing or is no text"
    )]
    #[case::name(
        "apiVersion: v1\nkind: A\nmetadata: {}",
        "no object of Kubernetes: metadata.name is missing or is no text"
    )]
    #[case::a_text("hello", "no object of Kubernetes: write apiVersion, kind and metadata.name")]
    fn what_is_no_object_is_told_and_the_others_are_taken(#[case] text: &str, #[case] expected: &str) {
        let reading = taken(&format!("{SERVICE}---\n{text}\n---\n{SERVICE}"));
        let fault = &reading.faults[0];
        assert_eq!((fault.place.to_string(), fault.why.as_str()), ("f.yaml:5".to_owned(), expected));
        assert_eq!((reading.faults.len(), reading.manifests.len(), fault.foreign), (1, 2, true));
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.yaml");
        std::fs::write(&path, format!("{SERVICE}---\napiVersion: v1\nkind: [Service\n")).unwrap();
        let error = read(&[path], "orchard").unwrap_err().to_string();
        assert!(
            error.contains("f.yaml:6: it is no YAML: ") || error.contains("f.yaml:7: it is no YAML: "),
            "{error}"
        );
        let missing = read(&[folder.path().join("none.yaml")], "orchard").unwrap_err().to_string();
        assert!(missing.contains("none.yaml: it cannot be read: "), "{missing}");
    }

    #[test]
    fn a_missing_namespace_is_filled() {
        let text = format!("{SERVICE}---\n{}", SERVICE.replace("cider}", "b, namespace: own}"));
        let reading = taken(&text);
        let namespaces: Vec<&str> = reading
            .manifests
            .iter()
            .map(|manifest| manifest.object["metadata"]["namespace"].as_str().unwrap())
            .collect();
        assert_eq!(namespaces, ["orchard", "own"]);
    }
}
