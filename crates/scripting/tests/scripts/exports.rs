//! Which exports are modules, and factories with their configurations.

use std::sync::Arc;

use penstock_pipeline::{Loader as _, Origin};
use serde_json::{Value, json};

use crate::rig::{Files, context, pre, storage};

/// The names of what a file exports, or why it is refused.
async fn names(text: &str) -> Result<Vec<String>, String> {
    let files = Files::new(&[("lib/shape.ts", text)]);
    let factories = files.load("lib/shape.ts").await?;
    Ok(factories.iter().map(|factory| factory.name().to_owned()).collect())
}

#[tokio::test]
async fn modules_are_found_however_they_are_exported() {
    let m = |name: &str| {
        format!("{{ name: '{name}', version: '1.0.0', pre: async () => ({{ continue: true }}) }}")
    };
    let (a, b) = (m("a"), m("b"));
    for (text, expected) in [
        (format!("export default {a}"), vec!["a"]),
        (format!("export const one = {a}; export const two = {b}"), vec!["a", "b"]),
        (format!("const a = {a}; export {{ a }}; export default a"), vec!["a"]),
        (format!("export default () => ({a})"), vec!["a"]),
        (format!("export async function make() {{ return {a} }}"), vec!["a"]),
        (format!("export default {b}; export const create = (config: any) => ({a})"), vec!["b", "a"]),
        (format!("import {{ defineModule }} from '@penstock/module-sdk'; export default defineModule({a})"), vec!["a"]),
        ("class M { name = 'a'; version = '1'; #calls = 0; async pre() { this.#calls++; return { continue: true } } } export default new M()".to_owned(), vec!["a"]),
        ("export default { name: 'a', version: '1' }".to_owned(), vec!["a"]),
        // it wants a configuration, and so goes by the name of its file
        (format!("export default (config: {{ n: number }}) => {{ config.n; return {a} }}"), vec!["shape"]),
        // neither of these is one
        ("export const n = 1; export const list = [1]; export interface T { a: string }".to_owned(), vec![]),
        (format!("export default {a}; export function price(n: number) {{ return n.toFixed(2) }} export class C {{}} export const limits = {{ name: 'x' }}"), vec!["a"]),
        ("export const sum = (a: number, b: number) => a + b; export const usd = (n: number) => n.toFixed(2)".to_owned(), vec![]),
    ] {
        assert_eq!(names(&text).await.unwrap_or_else(|error| panic!("{text}: {error}")), expected, "{text}");
    }
}

#[tokio::test]
async fn what_was_meant_as_a_module_and_is_none_is_refused_in_words() {
    for (text, said) in [
        (
            "export default { name: 5, version: '1', pre() {} }",
            "the default export: name: expected a text, found number",
        ),
        (
            "export default { name: 'a', pre() {} }",
            "version: expected a text such as \"1.0.0\", found undefined",
        ),
        (
            "export const guard = { version: '1', pre() {} }",
            "export guard: name: expected a text, found undefined",
        ),
        ("export default { name: 'a', version: '1', pre: 'no' }", "pre: expected a function, found string"),
        ("export default () => ({ name: 'a' })", "version: expected a text"),
        ("export default () => 5", "the default export: expected a module, found number"),
    ] {
        let error = names(text).await.expect_err(text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

const FACTORY: &str = "
let made = 0;
export default (config: { greeting: string; times?: number } = { greeting: 'none' }) => {
    made += 1;
    if (config.times === 0) throw new Error('times: expected a number above 0, found 0');
    return { name: 'greets', version: '1.0.0', async pre(ctx: any) {
        ctx.metadata.set('greeting', config.greeting.repeat(config.times ?? 1)); ctx.metadata.set('made', made);
        return { continue: true };
    } };
};
";

#[tokio::test]
async fn a_factory_is_called_once_for_each_configuration() {
    let files = Files::new(&[("greets.ts", FACTORY)]);
    let factories = files.load("greets.ts").await.unwrap();
    let factory = &factories[0];
    assert_eq!((factory.name(), factory.origin()), ("greets", Origin::File(files.path("greets.ts"))));
    let mut made = Vec::new();
    for (config, greeting) in [
        (Value::Null, "none"),
        (json!({ "greeting": "hi" }), "hi"),
        (json!({ "greeting": "ho", "times": 2 }), "hoho"),
    ] {
        let module = factory.make(&config).await.unwrap();
        assert!(Arc::ptr_eq(&module, &factory.make(&config).await.unwrap()), "{config}");
        let (context, done) = pre(&*module).await;
        done.unwrap();
        assert_eq!(context.metadata.get("greeting"), Some(&json!(greeting)));
        assert_eq!(context.metadata.get("made"), Some(&json!(1)), "{config}");
        made.push(module);
    }
    let error = factory.make(&json!({ "greeting": "x", "times": 0 })).await.unwrap_err();
    assert!(error.contains("greets.ts:5:39: times: expected a number above 0"), "{error}");
}

#[tokio::test]
async fn an_object_takes_no_configuration() {
    let files = Files::new(&[("a.ts", "export default { name: 'a', version: '1' }")]);
    let factories = files.load("a.ts").await.unwrap();
    let error = factories[0].make(&json!({ "n": 1 })).await.unwrap_err();
    assert!(error.starts_with("module `a` takes no configuration"), "{error}");
}

#[tokio::test]
async fn a_factory_that_needs_a_configuration_says_so() {
    let text = "export default (config: any) => ({ name: 'needs', version: config.version })";
    let files = Files::new(&[("needs.ts", text)]);
    let factories = files.load("needs.ts").await.unwrap();
    assert_eq!(factories[0].name(), "needs");
    let error = factories[0].make(&Value::Null).await.unwrap_err();
    assert!(error.contains("module `needs`") && error.contains("version"), "{error}");
    let module = factories[0].make(&json!({ "version": "2.0.0" })).await.unwrap();
    assert_eq!((module.name(), module.version()), ("needs", "2.0.0"));
}

#[tokio::test]
async fn a_changed_file_is_another_revision_and_an_unchanged_one_is_not_read_again() {
    let files = Files::new(&[
        ("a.ts", "import { n } from './lib/n.js';\nexport default { name: 'a', version: `${n}` }"),
        ("lib/n.ts", "export const n: number = 1"),
    ]);
    let loader = files.loader();
    let path = files.path("a.ts");
    let first = loader.load(&path).await.unwrap();
    assert!(Arc::ptr_eq(&first[0], &loader.load(&path).await.unwrap()[0]));
    assert_eq!(loader.sources(&path), [files.path("a.ts"), files.path("lib/n.ts")]);
    files.write("lib/n.ts", "export const n: number = 2");
    let second = loader.load(&path).await.unwrap();
    assert_ne!(first[0].revision(), second[0].revision());
    assert_eq!(second[0].make(&Value::Null).await.unwrap().version(), "2");
    files.write("lib/n.ts", "export const n: number = ;");
    let error = loader.load(&path).await.unwrap_err();
    assert!(error.contains("lib/n.ts:1:26: "), "{error}");
    assert_eq!(first[0].make(&Value::Null).await.unwrap().version(), "1", "the old one lives on");
}

#[tokio::test]
async fn migrations_stand_beside_the_file() {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, text TEXT)";
    let module = "export default { name: 'notes', version: '1' }";
    let files = Files::new(&[
        ("notes/index.ts", module),
        ("notes/migrations/001_create_notes.sql", TABLE),
        ("own/own.ts", module),
        ("own/migrations/001_create_notes.sql", TABLE),
        ("single.ts", module),
        ("single.migrations/001_create_notes.sql", TABLE),
        ("none.ts", module),
        ("wrong.ts", module),
        ("wrong.migrations/create.sql", TABLE),
    ]);
    for (file, count) in
        [("notes/index.ts", Some(1)), ("own/own.ts", Some(1)), ("single.ts", Some(1)), ("none.ts", None)]
    {
        let factories = files.load(file).await.unwrap();
        let module = factories[0].make(&Value::Null).await.unwrap();
        assert_eq!(module.migrations().map(|migrations| migrations.steps().len()), count, "{file}");
        if let Some(migrations) = module.migrations() {
            let applied = storage().await.database().migrate(migrations).await.unwrap().applied;
            assert_eq!(applied, ["001_create_notes"], "{file}");
        }
    }
    let factories = files.load("wrong.ts").await.unwrap();
    let error = factories[0].make(&Value::Null).await.unwrap_err();
    assert!(error.contains("create.sql"), "{error}");
    drop(context().await);
}
