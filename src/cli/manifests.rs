//! Objects of Kubernetes out of files, folders and standard input: YAML and JSON, many documents in each.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::CliError;
use crate::api::Object;

/// Files that a folder is searched for; one that is named may be called as it likes.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// One object and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    /// The file and which document in it, `shop.yaml, document 2`.
    pub(super) place: String,
    /// The object; its `kind` and `apiVersion` are texts and its `metadata.name` is one.
    pub(super) object: Object,
}

/// The objects of files, of all files in folders (also below) and, for `-`, of standard input, in this order. Objects that
/// name no namespace get `namespace`.
///
/// # Errors
/// A file that cannot be read, or a document that is no object; the error names both.
pub(super) fn read(paths: &[PathBuf], namespace: &str) -> Result<Vec<Manifest>, CliError> {
    let mut manifests = Vec::new();
    for path in paths {
        for (place, text) in texts(path)? {
            manifests.extend(parse(&place, &text)?);
        }
    }
    for manifest in &mut manifests {
        let own = &mut manifest.object["metadata"]["namespace"];
        if own.as_str().is_none_or(str::is_empty) {
            *own = namespace.into();
        }
    }
    Ok(manifests)
}

/// The names and texts behind a path.
fn texts(path: &Path) -> Result<Vec<(String, String)>, CliError> {
    let io = |source| CliError::Io { what: format!("reading {}", path.display()), source };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(io)?;
        return Ok(vec![("standard input".to_owned(), text)]);
    }
    if !path.is_dir() {
        return Ok(vec![(path.display().to_string(), std::fs::read_to_string(path).map_err(io)?)]);
    }
    let entries: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(path).map_err(io)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(io)?;
    entries.sort();
    let known = |entry: &PathBuf| {
        let extension = entry.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        entry.is_dir() || EXTENSIONS.contains(&extension)
    };
    let texts: Result<Vec<_>, _> =
        entries.iter().filter(|entry| known(entry)).map(|entry| texts(entry)).collect();
    Ok(texts?.concat())
}

/// The objects in a text.
fn parse(place: &str, text: &str) -> Result<Vec<Manifest>, CliError> {
    let values = match json(text) {
        Some(values) => values.into_iter().map(Ok).collect(),
        None => yaml(text),
    };
    let mut manifests = Vec::new();
    let several = values.len() > 1;
    for (index, value) in values.into_iter().enumerate() {
        let place = if several { format!("{place}, document {}", index + 1) } else { place.to_owned() };
        let fault = |fault: String| CliError::Manifest { place: place.clone(), fault };
        let value = value.map_err(&fault)?;
        for object in listed(value) {
            check(&object).map_err(&fault)?;
            manifests.push(Manifest { place: place.clone(), object });
        }
    }
    Ok(manifests)
}

/// All values of a JSON text; `None` for a text that is none. Some YAML looks like it.
fn json(text: &str) -> Option<Vec<Value>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().ok()
}

/// The documents of a YAML text that are not empty. Each keeps the lines before it as empty ones, so that an error names
/// the line of the file.
fn yaml(text: &str) -> Vec<Result<Value, String>> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        let rest = line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if let Some(rest) = rest {
            documents.push("\n".repeat(number) + rest);
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
        if let Some(document) = documents.last_mut() {
            document.push('\n');
        }
    }
    let parsed = documents.iter().map(|document| serde_saphyr::from_str::<Value>(document));
    parsed
        .map(|value| value.map_err(|error| format!("no YAML: {error}")))
        .filter(|value| !matches!(value, Ok(Value::Null)))
        .collect()
}

/// The items of a list as `kubectl get` prints one; anything else is itself.
fn listed(mut value: Value) -> Vec<Value> {
    let is_list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items,
        Some(items) => {
            value["items"] = items;
            vec![value]
        }
        None => vec![value],
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

    fn names(text: &str) -> Vec<String> {
        let manifests = parse("f.yaml", text).unwrap();
        manifests
            .iter()
            .map(|manifest| manifest.object["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    #[rstest]
    #[case::one(SERVICE.to_owned(), 1)]
    #[case::many(format!("---\n# first\n{SERVICE}---\n{SERVICE}--- # third\n{SERVICE}"), 3)]
    #[case::empty_ones(format!("---\n---\n# nothing\n---\n{SERVICE}---\n"), 1)]
    #[case::windows(SERVICE.replace('\n', "\r\n") + "---\r\n" + SERVICE, 2)]
    #[case::a_list(r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Service","metadata":{"name":"cider"}}]}"#.to_owned(), 1)]
    #[case::json_one_after_the_other("{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"cider\"}}\n".repeat(2), 2)]
    #[case::yaml_that_looks_like_json("{apiVersion: v1, kind: Service, metadata: {name: cider}}".to_owned(), 1)]
    #[case::dashes_in_a_text(format!("{SERVICE}data: |\n  ---\n  x\n"), 1)]
    #[case::nothing(String::new(), 0)]
    fn all_documents_are_read(#[case] text: String, #[case] count: usize) {
        assert_eq!(names(&text), vec!["cider"; count]);
    }

    #[rstest]
    #[case::kind(
        "apiVersion: v1\nmetadata: {name: a}",
        "f.yaml: no object of Kubernetes: kind is missing or is no text"
    )]
    #[case::name(
        "apiVersion: v1\nkind: A\nmetadata: {}",
        "f.yaml: no object of Kubernetes: metadata.name is missing or is no text"
    )]
    #[case::a_text("hello", "f.yaml: no object of Kubernetes: write apiVersion, kind and metadata.name")]
    fn what_is_no_object_is_told_with_its_place(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(parse("f.yaml", text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn an_error_names_the_document_and_the_line_of_the_file() {
        let text = format!("{SERVICE}---\napiVersion: v1\nkind: [Service\n");
        let error = parse("f.yaml", &text).unwrap_err().to_string();
        assert!(error.starts_with("f.yaml, document 2: no YAML: "), "{error}");
        assert!(error.contains("line 6") || error.contains("line 7"), "{error}");
    }

    #[test]
    fn folders_are_read_whole_and_in_order_and_a_missing_namespace_is_filled() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        let named = |name: &str| SERVICE.replace("cider", name);
        std::fs::write(folder.path().join("c.yml"), named("c")).unwrap();
        std::fs::write(folder.path().join("a.yaml"), named("a")).unwrap();
        let own = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b", "namespace": "own"}}"#;
        std::fs::write(folder.path().join("b/b.json"), own).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no object").unwrap();
        let manifests = read(&[folder.path().to_owned()], "orchard").unwrap();
        let seen: Vec<String> = manifests
            .iter()
            .map(|manifest| {
                let text = |field: &str| manifest.object["metadata"][field].as_str().unwrap().to_owned();
                format!("{}/{}", text("namespace"), text("name"))
            })
            .collect();
        assert_eq!(seen, ["orchard/a", "own/b", "orchard/c"]);
        let missing = read(&[folder.path().join("none.yaml")], "orchard").unwrap_err();
        assert!(missing.to_string().contains("none.yaml"), "{missing}");
    }
}
