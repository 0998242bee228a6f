//! The helper files that a lab imports.

use super::compile::Compiler;
use super::fault::at;
use crate::event::Fault;
use crate::lab::{Helper, Place, read_beside};
use std::path::{Component, Path, PathBuf};

/// Follows the imports of one lab.
pub(super) struct Imports<'a> {
    compiler: &'a Compiler,
    /// The folders in which helpers are searched: the lab's, then the one of all
    /// labs.
    folders: [&'a Path; 2],
    helpers: Vec<Helper>,
    /// The chain of files from the lab to the file being read.
    way: Vec<PathBuf>,
}

impl<'a> Imports<'a> {
    /// Reads the files that the lab at `path` imports, and their imports.
    pub fn of(
        compiler: &'a Compiler,
        path: &'a Path,
        imports: &[(String, Place)],
    ) -> Result<Vec<Helper>, Fault> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let root = path.ancestors().find(|path| path.ends_with("labs")).unwrap_or(folder);
        let (folders, way) = ([folder, root], vec![path.into()]);
        let mut followed = Self { compiler, folders, helpers: Vec::new(), way };
        followed.follow(imports)?;
        Ok(followed.helpers)
    }

    fn follow(&mut self, imports: &[(String, Place)]) -> Result<(), Fault> {
        for (import, place) in imports {
            let path = self.find(import, *place)?;
            let circle = self.way.contains(&path);
            self.way.push(path.clone());
            if circle {
                let way: Vec<String> = self.way.iter().map(|path| path.display().to_string()).collect();
                return Err(at(*place, "the imports go in a circle", Some(way.join(" → "))));
            }
            if !self.helpers.iter().any(|helper| helper.import == *import) {
                let text = read(&path, *place)?;
                self.survey(&text).map_err(|mut fault| {
                    fault.helper.get_or_insert(path.display().to_string());
                    fault
                })?;
                self.helpers.push(Helper { import: import.clone(), path: path.display().to_string(), text });
            }
            self.way.pop();
        }
        Ok(())
    }

    fn find(&self, import: &str, place: Place) -> Result<PathBuf, Fault> {
        // A path that leads out of the labs is refused.
        let sound = Path::new(import).components().all(|part| matches!(part, Component::Normal(_)));
        let paths = self.folders.map(|folder| folder.join(import).with_extension("rhai"));
        paths.into_iter().find(|path| path.is_file()).filter(|_| sound).ok_or_else(|| {
            let hint =
                format!("a helper is a `.rhai` file beside the lab or below `{}`", self.folders[1].display());
            at(place, format!("there is no helper `{import}`"), Some(hint))
        })
    }

    /// Checks that a helper is valid, and follows its imports.
    fn survey(&mut self, text: &str) -> Result<(), Fault> {
        let read = self.compiler.survey(&self.compiler.compile(text)?)?;
        if let Some(check) = read.checks.first() {
            let hint = "a check belongs in the lab itself, where it can be found".to_string();
            return Err(at(check.place, "a helper declares no checks", Some(hint)));
        }
        if let Some((_, place)) = read.gap {
            let hint = "it stands in the exercise itself, which is read without being run".to_string();
            return Err(at(place, "a helper has no gap", Some(hint)));
        }
        if let Some(draw) = read.draws.first() {
            let hint = "draw in the lab itself, and give the helper what was drawn".to_string();
            return Err(at(draw.place, "a helper draws nothing", Some(hint)));
        }
        self.follow(&read.imports)
    }
}

fn read(path: &Path, place: Place) -> Result<String, Fault> {
    let shown = path.display();
    let bytes =
        read_beside(path).map_err(|error| at(place, format!("failed to read `{shown}`: {error}"), None))?;
    String::from_utf8(bytes).map_err(|_| {
        at(place, format!("the helper `{shown}` is not UTF-8 text"), Some("save it as UTF-8".into()))
    })
}
