use super::*;
use crate::canonical::{BlockExtras, MessageDelta, StopReason, ToolUse};

fn start() -> CanonicalChunk {
    CanonicalChunk::MessageStart { message: Box::default() }
}

fn text(index: usize) -> CanonicalChunk {
    CanonicalChunk::ContentBlockStart { index, content_block: ContentBlock::text("") }
}

fn delta(index: usize, text: &str) -> CanonicalChunk {
    CanonicalChunk::ContentBlockDelta { index, delta: Delta::TextDelta { text: text.to_owned() } }
}

fn input(index: usize, text: &str) -> CanonicalChunk {
    let delta = Delta::InputJsonDelta { partial_json: text.to_owned() };
    CanonicalChunk::ContentBlockDelta { index, delta }
}

fn tool(index: usize) -> CanonicalChunk {
    let (id, name, input) = ("call".to_owned(), "look".to_owned(), Json::parse("{}").unwrap());
    let content_block = ContentBlock::ToolUse(ToolUse { id, name, input, extras: BlockExtras::default() });
    CanonicalChunk::ContentBlockStart { index, content_block }
}

fn stop(index: usize) -> CanonicalChunk {
    CanonicalChunk::ContentBlockStop { index }
}

fn fold(chunks: impl IntoIterator<Item = CanonicalChunk>) -> Result<CanonicalResponse, OrderError> {
    let mut fold = Fold::default();
    chunks.into_iter().try_for_each(|chunk| fold.push(chunk))?;
    fold.finish()
}

#[test]
fn a_stream_becomes_the_answer() {
    let end = CanonicalChunk::MessageDelta {
        delta: MessageDelta { stop_reason: Some(StopReason::ToolUse), ..MessageDelta::default() },
        usage: None,
    };
    let chunks = [
        start(),
        text(0),
        delta(0, "Hel"),
        delta(0, "lo"),
        stop(0),
        tool(1),
        tool(2),
        input(1, "{\"a\":"),
        input(2, "oops"),
        input(1, " 1.0}"),
        stop(1),
        stop(2),
        end,
        CanonicalChunk::MessageStop,
    ];
    let response = fold(chunks).unwrap();
    assert_eq!(response.content[0], ContentBlock::text("Hello"));
    let inputs = response.content.iter().filter_map(|block| match block {
        ContentBlock::ToolUse(tool) => Some(tool.input.text()),
        _ => None,
    });
    assert_eq!(inputs.collect::<Vec<_>>(), ["{\"a\": 1.0}", "\"oops\""]);
    assert_eq!(response.stop_reason, Some(StopReason::ToolUse));
}

#[test]
fn what_is_out_of_order_is_refused() {
    let said = CanonicalResponse { content: vec![ContentBlock::text("x")], ..CanonicalResponse::default() };
    let cases = [
        (vec![text(0)], OrderError::Start),
        (vec![start(), start()], OrderError::Start),
        (vec![CanonicalChunk::MessageStart { message: Box::new(said) }], OrderError::Content),
        (vec![start(), text(1)], OrderError::Index { expected: 0, found: 1 }),
        (vec![start(), text(0), text(0)], OrderError::Index { expected: 1, found: 0 }),
        (vec![start(), text(0), delta(1, "x")], OrderError::NotOpen(1)),
        (vec![start(), text(0), stop(0), delta(0, "x")], OrderError::NotOpen(0)),
        (vec![start(), text(0), stop(0), stop(0)], OrderError::NotOpen(0)),
        (vec![start(), tool(0), delta(0, "x")], OrderError::Unfit { index: 0, delta: "text_delta" }),
        (vec![start(), text(0), CanonicalChunk::MessageStop], OrderError::StillOpen(0)),
        (vec![start(), CanonicalChunk::MessageStop, text(0)], OrderError::AfterStop),
        (vec![start(), text(0), stop(0)], OrderError::NoStop),
    ];
    for (chunks, expected) in cases {
        assert_eq!(fold(chunks.clone()).unwrap_err(), expected, "{chunks:?}");
    }
}
