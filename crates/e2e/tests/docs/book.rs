//! The pages as a book: each is in its table of contents, and every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{markdown_files, root};

/// The targets of the links in a Markdown text, code left out.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    let prose: Vec<&str> = prose.collect();
    let prose = prose.join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        })
        .collect()
}

/// What is wrong with a link of a page.
fn problem(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let told = format!("{}: {link}", page.strip_prefix(root()).unwrap().display());
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target: PathBuf =
        if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    if !target.exists() {
        return Some(format!("{told}: no such file"));
    }
    let is_page = target.extension().is_some_and(|extension| extension == "md");
    if anchor.is_empty() || !is_page {
        return None;
    }
    let known = anchors(&fs::read_to_string(&target).unwrap());
    (!known.contains(anchor)).then(|| format!("{told}: no such heading"))
}

/// Every link between the pages, and into the repository, leads to a file and a heading.
#[test]
fn every_link_leads_somewhere() {
    let mut problems = Vec::new();
    let mut count = 0;
    for page in markdown_files() {
        for link in links(&fs::read_to_string(&page).unwrap()) {
            count += 1;
            problems.extend(problem(&page, &link));
        }
    }
    assert!(count > 50, "only {count} links were found");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    let readme = root().join("README.md");
    assert!(problem(&readme, "docs/nowhere.md").is_some());
    assert!(problem(&readme, "docs/functions.md#nothing").is_some());
}

/// Every page of `docs/` is in the book's table of contents, once; and links lead to pages of the
/// book only, because a book has nothing else.
#[test]
fn every_page_is_in_the_book() {
    let docs = root().join("docs");
    let listed = links(&fs::read_to_string(docs.join("SUMMARY.md")).unwrap());
    let mut sorted: Vec<String> = listed.clone();
    sorted.sort();
    let pages = fs::read_dir(&docs).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        (name.ends_with(".md") && name != "SUMMARY.md").then_some(name)
    });
    let mut pages: Vec<String> = pages.collect();
    pages.sort();
    assert_eq!(sorted, pages);
    for page in &listed {
        let text = fs::read_to_string(docs.join(page)).unwrap();
        let outside = links(&text).into_iter().find(|link| link.starts_with("../"));
        assert_eq!(outside, None, "{page} links out of the book");
    }
}
