//! Imports and the syntax of TypeScript.

use penstock_pipeline::Loader as _;
use penstock_scripting::{ScriptLoader, ScriptOptions};
use serde_json::{Value, json};

use crate::rig::{Files, fixture, fixtures, pre};

#[tokio::test]
async fn fixtures_run_as_they_are() {
    let names: Vec<_> =
        std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let names: Vec<_> =
        names.iter().filter_map(|name| name.to_str()).filter(|name| name.contains('.')).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let module = fixture(name).await;
        let (context, done) = pre(&*module).await;
        done.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(context.metadata.get("said"), Some(&json!("as it should")), "{name}");
    }
}

#[tokio::test]
async fn the_fixtures_of_the_sdk_load_as_they_are() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/typescript/fixtures/modules");
    let loader = ScriptLoader::new(ScriptOptions::new(&folder));
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = entries.filter(|path| loader.takes(path)).collect();
    assert!(files.len() >= 20, "{files:?}");
    for file in files.iter().chain([&folder.join("notes/notes.ts")]) {
        let factories = loader.load(file).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(!factories.is_empty(), "{}", file.display());
        for factory in factories {
            // one that wants a configuration says so, and says where
            if let Err(error) = factory.make(&Value::Null).await {
                assert!(error.contains("needs a configuration: "), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn an_import_that_leads_nowhere_is_refused_with_its_place() {
    let module = "\nexport default { name: 'm', version: '1' };\n";
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("secret.ts"), "export const secret = 1").unwrap();
    for (import, said) in [
        ("import { a } from './none.js'; a;", "module.ts:1:1: there is no file for `./none.js`: looked for"),
        (
            "import { a } from '../../secret.ts'; a;",
            "module.ts:1:1: `../../secret.ts` is outside the folder of modules",
        ),
        ("import { a } from './link.ts'; a;", "`./link.ts` leads outside the folder of modules"),
        (
            "import { readFile } from 'node:fs'; readFile;",
            "there is no `node:fs`, since this is not Node: there are",
        ),
        ("import ky from 'ky'; ky;", "`ky` is a package, and there are none: expected a file"),
        ("export * from './none.js'", "there is no file for `./none.js`"),
        ("await import('./none.js');", "module.ts:1:14: there is no file for `./none.js`"),
        (
            "const name = './a' + '.js'; await import(name);",
            "expected `import()` of a name that stands there",
        ),
        ("import { Nothing } from './other.js'; Nothing();", "Nothing"),
        ("import { hash } from 'node:crypto'; hash();", "hash"),
        ("import 'penstock:host';", "`penstock:host` is a package"),
    ] {
        let files = Files::new(&[
            ("modules/module.ts", &format!("{import}{module}")),
            ("modules/other.ts", "export const a = 1"),
        ]);
        std::os::unix::fs::symlink(elsewhere.path().join("secret.ts"), files.path("modules/link.ts"))
            .unwrap();
        std::fs::write(files.path("secret.ts"), "export const a = 1").unwrap();
        let mut options = files.options();
        options.folder = files.path("modules");
        let loader = ScriptLoader::new(options);
        let loaded = penstock_pipeline::Loader::load(&loader, &files.path("modules/module.ts")).await;
        let error = loaded.expect_err(import);
        assert!(error.contains(said), "{import}: {error}");
    }
}

#[tokio::test]
async fn a_mistake_of_syntax_is_told_with_its_place() {
    for (text, said) in [
        ("export default {\n  name: 'm',,\n}", "module.ts:2:13: "),
        ("const a: = 1;", "module.ts:1:10: "),
        ("export default { name: 'm' ", "module.ts:1:"),
        ("let a = 1; let a = 2;", "module.ts:1:"),
        ("export default { pre() { await x; } }", "module.ts:1:26: "),
    ] {
        let files = Files::new(&[("module.ts", text)]);
        let error = files.load("module.ts").await.expect_err(text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[tokio::test]
async fn files_find_each_other_in_every_spelling() {
    let files = Files::new(&[
        ("a.ts", "import { b } from './b'; import { c } from './c.js'; import { d } from './d'; import e from './e.json';
            import { f } from './f.mjs'; import { g } from './g.ts'; import { h } from './b';
            export const again = () => b; export default { name: [b, c, d, e.e, f, g, h].join(), version: '1' }"),
        ("b.ts", "import { again } from './a.js'; export const b = 'b'; export const h = 'h'; export const back = () => again()"),
        ("c.ts", "export const c = 'c'"),
        ("d/index.ts", "export * from '../deep/d.js'"),
        ("deep/d.js", "export const d = 'd'"),
        ("e.json", "{ \"e\": \"e\" }"),
        ("f.mts", "export const f = 'f'"),
        ("g.ts", "export const g = 'g'"),
    ]);
    let factories = files.load("a.ts").await.unwrap();
    assert_eq!(factories[0].make(&Value::Null).await.unwrap().name(), "b,c,d,e,f,g,h");
}
