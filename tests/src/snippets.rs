//! The files that pages of the documentation hold: fenced blocks whose info string names one, as in
//! ```` ```ts file=modules/hello.ts ````. A test writes them to a folder and uses them as a reader would.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Where it goes: a relative path of names.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// The files of a page, in their order. A block without a name is none.
pub fn of(page: &str) -> Result<Vec<Snippet>> {
    let mut snippets = Vec::new();
    let mut open: Option<(&str, Snippet)> = None;
    for line in page.lines() {
        if let Some((fence, snippet)) = &mut open {
            if line == *fence {
                snippets.extend(open.take().map(|(_, snippet)| snippet));
            } else {
                snippet.text.push_str(line);
                snippet.text.push('\n');
            }
            continue;
        }
        let fence = &line[..line.len() - line.trim_start_matches('`').len()];
        let name = line.split_whitespace().find_map(|word| word.strip_prefix("file="));
        if let (3.., Some(file)) = (fence.len(), name) {
            let is_relative = file.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
            ensure!(is_relative, "expected a relative path of names in {line:?}");
            open = Some((fence, Snippet { file: file.to_owned(), text: String::new() }));
        }
    }
    ensure!(open.is_none(), "a block does not end: {open:?}");
    Ok(snippets)
}

/// Writes them below `folder`.
pub fn write(snippets: &[Snippet], folder: &Path) -> Result<()> {
    for Snippet { file, text } in snippets {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().context("it is in a folder")?)?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_blocks_are_files() {
        let page = "text\n```ts file=a/b.ts\none\n\n  two\n```\n```sh\nno file=x\n```\n````md file=c.md\n```\n````\n";
        let files = of(page).unwrap();
        let expected = [("a/b.ts", "one\n\n  two\n"), ("c.md", "```\n")];
        assert_eq!(files.iter().map(|one| (&*one.file, &*one.text)).collect::<Vec<_>>(), expected, "{page}");
    }

    #[test]
    fn what_would_leave_the_folder_or_does_not_end_is_refused() {
        for page in ["```ts file=../x\n```", "```ts file=/x\n```", "```ts file=x\n"] {
            assert!(of(page).is_err(), "{page}");
        }
    }
}
