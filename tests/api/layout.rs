//! The layout of the source: `lib.rs` lists the modules from top to bottom, and no import runs back up.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { source_files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_import_runs_back_up() {
    let lib = fs::read_to_string(format!("{SRC}/lib.rs")).unwrap();
    let declaration = Regex::new(r"(?m)^(?:pub )?mod (\w+);$").unwrap();
    let modules: Vec<&str> = declaration.captures_iter(&lib).map(|found| found.extract::<1>().1[0]).collect();
    assert!(modules.len() > 10, "{modules:?}");
    let place = |module: &str| modules.iter().position(|name| *name == module);
    let import = Regex::new(r"\bcrate::(\w+)").unwrap();
    let mut imports = 0;
    for file in source_files(Path::new(SRC)) {
        let path = file.strip_prefix(SRC).unwrap().with_extension("");
        let module = path.iter().next().unwrap().to_str().unwrap();
        let Some(own) = place(module) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        for imported in import.captures_iter(&text).map(|found| found.extract::<1>().1[0]) {
            let Some(used) = place(imported) else { panic!("{}: what is crate::{imported}?", file.display()) };
            assert!(own <= used, "{}: {module} imports {imported}, which stands above it", file.display());
            imports += 1;
        }
    }
    assert!(imports > 50, "only {imports} imports were found");
}
