//! Takes the types out of one file.

use std::path::Path;

use oxc::allocator::Allocator;
use oxc::codegen::{Codegen, CodegenOptions};
use oxc::diagnostics::OxcDiagnostic;
use oxc::parser::Parser;
use oxc::semantic::SemanticBuilder;
use oxc::span::SourceType;
use oxc::syntax::module_record::ModuleRecord;
use oxc::transformer::{DecoratorOptions, HelperLoaderMode, TransformOptions, Transformer};

use super::map::SourceMap;

/// One file without types.
pub(super) struct Stripped {
    pub(super) code: String,
    pub(super) map: SourceMap,
    pub(super) imports: Vec<Import>,
}

/// A name that a file imports, and where; lines and columns count from 1.
pub(super) struct Import {
    pub(super) specifier: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Strips `text`, which is called `shown` in errors.
pub(super) fn strip(path: &Path, shown: &str, text: &str) -> Result<Stripped, String> {
    if path.extension().is_some_and(|extension| extension == "json") {
        return json(shown, text);
    }
    let refused = |problems: &[OxcDiagnostic]| Err(describe(shown, text, problems));
    let allocator = Allocator::default();
    let is_typescript = path.extension().is_some_and(|extension| extension == "ts" || extension == "mts");
    let kind = if is_typescript { SourceType::ts() } else { SourceType::mjs() };
    let parsed = Parser::new(&allocator, text, kind.with_module(true)).parse();
    if parsed.panicked || parsed.diagnostics.has_errors() {
        return refused(&parsed.diagnostics.into_vec());
    }
    let mut program = parsed.program;
    let semantic = SemanticBuilder::new().with_check_syntax_error(true).with_enum_eval(true).build(&program);
    if semantic.diagnostics.has_errors() {
        return refused(&semantic.diagnostics.into_vec());
    }
    let mut options = TransformOptions {
        decorator: DecoratorOptions { legacy: true, ..DecoratorOptions::default() },
        ..TransformOptions::default()
    };
    options.helper_loader.mode = HelperLoaderMode::External;
    let scoping = semantic.semantic.into_scoping();
    let transformed = Transformer::new(&allocator, path, &options).build_with_scoping(scoping, &mut program);
    if transformed.diagnostics.has_errors() {
        return refused(&transformed.diagnostics.into_vec());
    }
    let options = CodegenOptions { source_map_path: Some(path.to_owned()), ..CodegenOptions::default() };
    let written = Codegen::new().with_options(options).build(&program);
    let map = SourceMap::of(&written);
    // imports of types alone are gone from what was written, and need not be there to be found
    let left = Parser::new(&allocator, allocator.alloc_str(&written.code), SourceType::mjs()).parse();
    let imports = imports(&left.module_record, &written.code, &map);
    Ok(Stripped { code: written.code, map, imports })
}

/// A file of data, as a module with one value.
fn json(shown: &str, text: &str) -> Result<Stripped, String> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(format!("{shown}:{}:{}: expected JSON: {error}", error.line(), error.column()));
    }
    let literal = serde_json::Value::from(text);
    Ok(Stripped {
        code: format!("export default JSON.parse({literal});\n"),
        map: SourceMap::default(),
        imports: Vec::new(),
    })
}

/// What is imported, in order of appearance; of `import()` only what stands there as a string.
fn imports(record: &ModuleRecord<'_>, code: &str, map: &SourceMap) -> Vec<Import> {
    let requested = record.requested_modules.iter().flat_map(|(name, places)| {
        places
            .iter()
            .filter(|place| !place.is_type)
            .map(|place| (name.to_string(), place.statement_span.start))
    });
    let dynamic = record.dynamic_imports.iter().filter_map(|import| {
        let span = import.module_request;
        let quoted = code.get(span.start as usize..span.end as usize)?;
        let bare = quoted.strip_prefix(['"', '\'', '`'])?.strip_suffix(['"', '\'', '`'])?;
        (!bare.contains(['\\', '$'])).then(|| (bare.to_owned(), span.start))
    });
    let mut found: Vec<_> = requested.chain(dynamic).collect();
    found.sort_by_key(|(_, start)| *start);
    let place = |(specifier, start): (String, u32)| {
        let (line, column) = position(code, start as usize);
        let (line, column) = map.source_of(line, column);
        Import { specifier, line, column }
    };
    found.into_iter().map(place).collect()
}

/// The first problem, and how many more there are.
fn describe(shown: &str, text: &str, problems: &[OxcDiagnostic]) -> String {
    let Some(first) = problems.first() else {
        return format!("{shown}: cannot be read");
    };
    let at = first.labels.first().map(|label| position(text, label.offset() as usize));
    let place = at.map_or_else(|| shown.to_owned(), |(line, column)| format!("{shown}:{line}:{column}"));
    let help = first.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let more = match problems.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    format!("{place}: {}{help}{more}", first.message)
}

/// Line and column of a byte, counting from 1.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX - 1) + 1;
    (count(line), count(column))
}
