//! One crate as a tree of modules: what each defines, what it takes from elsewhere, and which paths its code names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// Segments of a path: `crate`, `portfolio`, `BillId`.
pub type Segments = Vec<String>;

/// A module, in a file of its own or inside another's.
#[derive(Debug, Default)]
pub struct Module {
    /// Its file, from the workspace's folder.
    pub file: PathBuf,
    /// Its place among the crate's modules, and that of what it lies in.
    pub parent: Option<usize>,
    /// The modules in it, by name.
    pub children: BTreeMap<String, usize>,
    /// What it defines.
    pub defines: BTreeSet<String>,
    /// What it calls by a name of its own: `use`, public or not.
    pub takes: BTreeMap<String, Segments>,
    /// Modules all of whose names it takes.
    pub takes_all: Vec<Segments>,
    /// The paths its code names, those of a `pub use` left out.
    pub names: BTreeSet<Segments>,
}

/// The modules of the crate that begins with `file`; the first is its root.
///
/// # Panics
///
/// When a file is missing or is no Rust.
#[must_use]
pub fn modules(folder: &Path, file: &Path) -> Vec<Module> {
    let mut all = Vec::new();
    // A crate's root has its modules beside it.
    let beside = file.parent().unwrap_or(Path::new("")).to_owned();
    read_file(folder, file, &beside, None, &mut all);
    all
}

fn read_file(
    folder: &Path,
    file: &Path,
    inside: &Path,
    parent: Option<usize>,
    all: &mut Vec<Module>,
) -> usize {
    let text = fs::read_to_string(folder.join(file))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    read_items(folder, file, inside, parent, &parsed.items, all)
}

fn read_items(
    folder: &Path,
    file: &Path,
    inside: &Path,
    parent: Option<usize>,
    items: &[Item],
    all: &mut Vec<Module>,
) -> usize {
    let place = all.len();
    all.push(Module {
        file: file.to_owned(),
        parent,
        ..Module::default()
    });
    for item in items
        .iter()
        .filter(|item| !attributes(item).iter().any(is_test))
    {
        if let Item::Mod(inner) = item {
            let child = read_module(folder, file, inside, place, inner, all);
            all[place].children.insert(inner.ident.to_string(), child);
        } else {
            let mut reader = Reader {
                module: &mut all[place],
            };
            reader.define(item);
            reader.visit_item(item);
        }
    }
    place
}

fn read_module(
    folder: &Path,
    file: &Path,
    inside: &Path,
    parent: usize,
    inner: &ItemMod,
    all: &mut Vec<Module>,
) -> usize {
    let name = inner.ident.to_string();
    let below = inside.join(&name);
    if let Some((_, items)) = &inner.content {
        return read_items(folder, file, &below, Some(parent), items, all);
    }
    let flat = inside.join(format!("{name}.rs"));
    let file = if folder.join(&flat).exists() {
        flat
    } else {
        below.join("mod.rs")
    };
    read_file(folder, &file, &below, Some(parent), all)
}

/// Whether it is built for tests alone.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Writes down what an item defines, takes and names.
struct Reader<'a> {
    module: &'a mut Module,
}

impl Reader<'_> {
    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            // What a macro of the file makes: the names among its words.
            Item::Macro(item) => return self.made_by_macro(item.mac.tokens.clone()),
            _ => return,
        };
        self.module.defines.insert(name.to_string());
    }

    fn made_by_macro(&mut self, tokens: TokenStream) {
        let words = tokens.into_iter().filter_map(|token| match token {
            TokenTree::Ident(word) => Some(word.to_string()),
            _ => None,
        });
        self.module
            .defines
            .extend(words.filter(|word| word.starts_with(char::is_uppercase)));
    }

    fn take(&mut self, tree: &UseTree, mut path: Segments, handed_on: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.take(&step.tree, path, handed_on);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take(tree, path.clone(), handed_on);
                }
            }
            UseTree::Glob(_) => self.module.takes_all.push(path),
            UseTree::Name(name) => self.bind(
                path,
                &name.ident.to_string(),
                &name.ident.to_string(),
                handed_on,
            ),
            UseTree::Rename(name) => self.bind(
                path,
                &name.ident.to_string(),
                &name.rename.to_string(),
                handed_on,
            ),
        }
    }

    fn bind(&mut self, mut path: Segments, name: &str, by: &str, handed_on: bool) {
        let by = if name == "self" {
            path.last().cloned().unwrap_or_default()
        } else {
            by.to_owned()
        };
        if name != "self" {
            path.push(name.to_owned());
        }
        if !handed_on {
            self.module.names.insert(path.clone());
        }
        self.module.takes.insert(by, path);
    }

    /// Paths among the words of a macro's call.
    fn names_in(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons < 2 {
                        self.name(std::mem::take(&mut path));
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => self.names_in(group.stream()),
                _ => colons = 0,
            }
        }
        self.name(path);
    }

    fn name(&mut self, path: Segments) {
        if path.len() > 1 {
            self.module.names.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let handed_on = !matches!(item.vis, Visibility::Inherited);
        self.take(&item.tree, Segments::new(), handed_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.module.names.insert(segments.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.names_in(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
