//! Texts out of files, folders and standard input, bounded in size. What cannot be read does not keep the rest from being read.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Files that a folder is searched for; one that is named may be called as it likes.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
/// Largest text in bytes; etcd takes 1.5 MiB for an object.
const LARGEST: u64 = 16 * 1024 * 1024;
/// The file that makes a folder a Helm chart, whose templates are no YAML before they are rendered.
const CHART: &str = "Chart.yaml";

/// A text and the name under which it is told.
pub(super) struct Source {
    /// The path as it was given, or `standard input`.
    pub(super) name: String,
    /// The text, or why there is none.
    pub(super) text: Result<String, String>,
}

/// The texts behind a path: a file, `-` for standard input, or a folder with all that is below it, in the order of names. In
/// folders, hidden entries, Helm charts and links to other folders are passed over.
pub(super) fn sources(path: &Path) -> Vec<Source> {
    if path == Path::new("-") {
        return vec![Source { name: "standard input".to_owned(), text: text(io::stdin()) }];
    }
    if !path.is_dir() {
        return vec![file(path)];
    }
    let mut sources = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match entries(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                let name = folder.display().to_string();
                sources.push(Source { name, text: Err(told(&error)) });
                continue;
            }
        };
        if folder != path && entries.iter().any(|entry| entry.ends_with(CHART)) {
            continue;
        }
        for entry in entries {
            // A link to a folder may lead back to where it stands.
            if entry.is_dir() && !entry.is_symlink() {
                folders.push(entry);
            } else if entry.is_file() && is_manifest(&entry) {
                sources.push(file(&entry));
            }
        }
    }
    sources.sort_by(|one, next| Path::new(&one.name).cmp(Path::new(&next.name)));
    sources
}

/// What is in a folder and not hidden.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn is_manifest(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|known| EXTENSIONS.contains(&known))
}

fn file(path: &Path) -> Source {
    let opened = File::open(path).map_err(|error| told(&error));
    Source { name: path.display().to_string(), text: opened.and_then(text) }
}

/// The whole text, without the mark that some editors put before it.
fn text(from: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| told(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} MiB: split it", LARGEST / 1024 / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8: save it as such".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn told(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let own = folder.display().to_string();
        sources(folder).iter().map(|source| source.name.replace(&own, "")).collect()
    }

    #[test]
    fn folders_are_read_whole_and_in_order_without_hidden_entries_and_charts() {
        let folder = tempfile::tempdir().unwrap();
        for below in ["b", ".git", "chart/templates"] {
            fs::create_dir_all(folder.path().join(below)).unwrap();
        }
        for file in ["c.yml", "a.yaml", "b/b.json", "notes.txt", ".git/x.yaml", "chart/templates/x.yaml"] {
            fs::write(folder.path().join(file), "a: 1").unwrap();
        }
        fs::write(folder.path().join("chart").join(CHART), "name: chart").unwrap();
        assert_eq!(names(folder.path()), ["/a.yaml", "/b/b.json", "/c.yml"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_back_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), "a: 1").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("a.yaml"), folder.path().join("b.yaml")).unwrap();
        assert_eq!(names(folder.path()), ["/a.yaml", "/b.yaml"]);
    }

    #[test]
    fn what_is_too_large_or_no_text_is_told() {
        let spaces = io::repeat(b' ');
        assert_eq!(text(spaces).unwrap_err(), "it is larger than 16 MiB: split it");
        assert_eq!(text(&b"\xff\xfe"[..]).unwrap_err(), "it is no text in UTF-8: save it as such");
        assert_eq!(text(&b"\xef\xbb\xbfa: 1"[..]).unwrap(), "a: 1");
        let missing = sources(Path::new("no/such/file.yaml"));
        assert!(missing[0].text.as_ref().is_err_and(|why| why.starts_with("it cannot be read: ")));
    }
}
