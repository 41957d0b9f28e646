//! YAML, by its events: the tree is built here, so that aliases cannot blow it up and nesting is bounded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{BundleProblem, Content, DEPTH, Node, Pair, too_deep};

/// Values at the most. Aliases repeat what they name, so that a short text can stand for very many.
const VALUES: usize = 1_000_000;

pub(super) fn parse(text: &str) -> Result<Node, BundleProblem> {
    let mut builder = Builder::default();
    let mut documents = 0;
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| {
            BundleProblem::at(Some(error.marker().line()), format!("not YAML: {}", error.info()))
        })?;
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) if documents == 1 => {
                return Err(BundleProblem::at(Some(line), "expected one YAML document, found another one"));
            }
            Event::DocumentStart(_) => documents += 1,
            Event::Scalar(text, style, anchor, tag) => {
                let content = scalar(&text, style, tag.as_deref(), line)?;
                builder.add(Node { line: Some(line), content }, anchor)?;
            }
            Event::SequenceStart(anchor, _) => builder.open(Part::List(Vec::new()), line, anchor)?,
            Event::MappingStart(anchor, _) => builder.open(Part::Map(Vec::new(), None), line, anchor)?,
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::Alias(anchor) => builder.repeat(anchor, line)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    Ok(builder.whole.unwrap_or(Node { line: None, content: Content::Null }))
}

enum Part {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<Pair>, Option<(String, usize)>),
}

struct Open {
    part: Part,
    line: usize,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
    whole: Option<Node>,
}

impl Builder {
    fn open(&mut self, part: Part, line: usize, anchor: usize) -> Result<(), BundleProblem> {
        if self.open.len() > DEPTH {
            return Err(too_deep(Some(line)));
        }
        self.open.push(Open { part, line, anchor });
        Ok(())
    }

    fn close(&mut self) -> Result<(), BundleProblem> {
        let Some(Open { part, line, anchor }) = self.open.pop() else { return Ok(()) };
        let content = match part {
            Part::List(items) => Content::List(items),
            Part::Map(pairs, _) => Content::Map(pairs),
        };
        self.add(Node { line: Some(line), content }, anchor)
    }

    fn repeat(&mut self, anchor: usize, line: usize) -> Result<(), BundleProblem> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(BundleProblem::at(Some(line), "expected an alias of a value that stands before it"));
        };
        self.values += size;
        self.check(line)?;
        let node = node.clone();
        self.add(node, 0)
    }

    fn check(&self, line: usize) -> Result<(), BundleProblem> {
        if self.values <= VALUES {
            return Ok(());
        }
        Err(BundleProblem::at(Some(line), format!("expected at most {VALUES} values, aliases included")))
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), BundleProblem> {
        let line = node.line.unwrap_or(1);
        self.values += 1;
        self.check(line)?;
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size(&node)));
            self.values += size(&node);
        }
        match self.open.last_mut().map(|open| &mut open.part) {
            None => self.whole = Some(node),
            Some(Part::List(items)) => items.push(node),
            Some(Part::Map(pairs, key)) => match (key.take(), node.content) {
                (Some((key, line)), content) => {
                    pairs.push(Pair { key, line: Some(line), node: Node { line: node.line, content } });
                }
                (None, Content::Text(text) | Content::Number(text)) => *key = Some((text, line)),
                (None, Content::Flag(flag)) => *key = Some((flag.to_string(), line)),
                (None, _) => return Err(BundleProblem::at(Some(line), "expected a text as a key")),
            },
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::List(items) => items.iter().map(size).sum(),
        Content::Map(pairs) => pairs.iter().map(|pair| size(&pair.node)).sum(),
        _ => 0,
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Content, BundleProblem> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(Content::Text(text.to_owned())),
        Some(tag) => {
            Err(BundleProblem::at(Some(line), format!("expected a value without a tag, found the tag {tag}")))
        }
        None if style == ScalarStyle::Plain => Ok(plain(text)),
        None => Ok(Content::Text(text.to_owned())),
    }
}

/// The core schema of YAML 1.2. `no` and `on` are texts, and so are infinities, which no field takes.
fn plain(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Content::Null,
        "true" | "True" | "TRUE" => return Content::Flag(true),
        "false" | "False" | "FALSE" => return Content::Flag(false),
        _ => {}
    }
    let radix =
        |prefix, radix| text.strip_prefix(prefix).and_then(|text| i64::from_str_radix(text, radix).ok());
    if let Some(whole) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Content::Number(whole.to_string());
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let starts =
        unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|first: char| first.is_ascii_digit());
    if starts && text.parse::<f64>().is_ok() {
        return Content::Number(text.to_owned());
    }
    Content::Text(text.to_owned())
}
