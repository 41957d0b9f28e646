//! Generated JSON, conversations, answers and streams.

use penstock_core::canonical::{
    BlockExtras, CanonicalChunk, CanonicalMessage, CanonicalRequest, CanonicalResponse, CanonicalUsage,
    Content, ContentBlock, Delta, Extensions, Image, MessageDelta, MessageRole, Origin, Source, StopReason,
    SystemBlock, SystemPrompt, Thinking, ToolResult, ToolUse,
};
use penstock_core::{Dialect, Json};
use proptest::prelude::*;
use proptest::string::string_regex;

/// A number as JSON allows it, far beyond what a float can hold.
pub(crate) fn number() -> impl Strategy<Value = String> {
    string_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?").unwrap()
}

/// A text: letters of many scripts, quotes, line ends, escapes.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z ]{1,12}",
        1 => any::<String>(),
        1 => Just("{\"a\": \"\\u00e9\"}\r\n\ndata: [DONE]\n\n".to_owned()),
        1 => Just(String::new()),
    ]
}

/// Any JSON value.
pub(crate) fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        number(),
        text().prop_map(|text| Json::of(&text).to_string()),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
            prop::collection::btree_map("[a-z]{1,4}", inside, 0..4).prop_map(|members| {
                let members = members.iter().map(|(name, value)| format!("{}: {value}", Json::of(name)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    });
    value.prop_map(|text| Json::parse(text).unwrap())
}

/// Any JSON object.
pub(crate) fn object() -> impl Strategy<Value = Json> {
    prop::collection::btree_map("[a-z]{1,4}", value(), 0..4)
        .prop_map(|members| Json::object(&members.into_iter().collect::<Vec<_>>()))
}

fn image() -> impl Strategy<Value = ContentBlock> {
    let inside = ("image/(png|jpeg|webp)", "[A-Za-z0-9+/]{4,12}").prop_map(|(media_type, data)| {
        Source::Base64 { media_type, data, extensions: Extensions::default() }
    });
    let by_url = "https://example\\.org/[a-z]{1,8}\\.png"
        .prop_map(|data| Source::Url { data, extensions: Extensions::default() });
    prop_oneof![inside, by_url]
        .prop_map(|source| ContentBlock::Image(Image { source, extras: BlockExtras::default() }))
}

fn said() -> impl Strategy<Value = ContentBlock> {
    text().prop_map(ContentBlock::text)
}

fn content(block: impl Strategy<Value = ContentBlock>) -> impl Strategy<Value = Content> {
    prop_oneof![
        text().prop_map(|text| Content::Text(text.into())),
        prop::collection::vec(block, 0..4).prop_map(Content::Blocks),
    ]
}

/// Content that is not empty, as an empty message is refused.
fn something(block: impl Strategy<Value = ContentBlock>) -> impl Strategy<Value = Content> {
    content(block).prop_filter("an empty message", |content| match content {
        Content::Text(text) => !text.is_empty(),
        Content::Blocks(blocks) => !blocks.is_empty(),
    })
}

fn message(role: MessageRole, content: Content) -> CanonicalMessage {
    CanonicalMessage { role, content, extensions: Extensions::default() }
}

fn call(id: String, name: String, input: Json) -> ContentBlock {
    ContentBlock::ToolUse(ToolUse { id, name, input, extras: BlockExtras::default() })
}

/// What one side says, or a call of tools with their results.
#[derive(Clone, Debug)]
enum Turn {
    Plain(CanonicalMessage),
    /// What the model says before and after its calls; each call, its input, what its tool says, whether it
    /// failed; what the user adds.
    Calls {
        before: Vec<ContentBlock>,
        calls: Vec<Called>,
        after: Vec<ContentBlock>,
        more: Vec<ContentBlock>,
    },
}

type Called = (String, Json, Option<Content>, Option<bool>);

fn turn() -> impl Strategy<Value = Turn> {
    let user = something(prop_oneof![3 => said(), 1 => image()])
        .prop_map(|content| message(MessageRole::User, content));
    let model = something(said()).prop_map(|content| message(MessageRole::Assistant, content));
    let operator = content(said()).prop_map(|content| message(MessageRole::System, content));
    let says = |block, most| prop::collection::vec(block, 0..most);
    let result = content(prop_oneof![5 => said().boxed(), 1 => image().boxed()]);
    let called =
        ("[a-z_]{1,8}", object(), prop::option::weighted(0.9, result), prop::option::of(any::<bool>()));
    let calls = (
        says(said().boxed(), 3),
        prop::collection::vec(called, 1..4),
        prop_oneof![4 => Just(Vec::new()), 1 => says(said().boxed(), 2)],
        says(said().boxed(), 2),
    );
    prop_oneof![
        3 => user.prop_map(Turn::Plain),
        3 => model.prop_map(Turn::Plain),
        1 => operator.prop_map(Turn::Plain),
        3 => calls.prop_map(|(before, calls, after, more)| Turn::Calls { before, calls, after, more }),
    ]
}

/// A conversation. Ids of calls are unique.
pub(crate) fn conversation() -> impl Strategy<Value = CanonicalRequest> {
    let block = text().prop_map(|text| SystemBlock { text: text.into(), extras: BlockExtras::default() });
    let system = prop_oneof![
        text().prop_map(|text| SystemPrompt::Text(text.into())),
        prop::collection::vec(block, 1..3).prop_map(SystemPrompt::Blocks),
    ];
    (prop::option::of(system), prop::collection::vec(turn(), 1..6)).prop_map(|(system, turns)| {
        let mut messages = Vec::new();
        for (number, turn) in turns.into_iter().enumerate() {
            match turn {
                Turn::Plain(message) => messages.push(message),
                Turn::Calls { before, calls, after, more } => {
                    let (mut asked, mut answered) = (before, Vec::new());
                    for (at, (name, input, content, is_error)) in calls.into_iter().enumerate() {
                        let id = format!("call_{number}_{at}");
                        asked.push(call(id.clone(), name, input));
                        let extras = BlockExtras::default();
                        answered.push(ContentBlock::ToolResult(ToolResult {
                            tool_use_id: id,
                            content,
                            is_error,
                            extras,
                        }));
                    }
                    asked.extend(after);
                    answered.extend(more);
                    messages.push(message(MessageRole::Assistant, Content::Blocks(asked)));
                    messages.push(message(MessageRole::User, Content::Blocks(answered)));
                }
            }
        }
        CanonicalRequest {
            model: "m".to_owned(),
            system,
            messages,
            max_tokens: Some(1_000.into()),
            ..CanonicalRequest::default()
        }
    })
}

fn usage() -> impl Strategy<Value = CanonicalUsage> {
    let count = || prop::option::of(0_u64..100_000);
    (0_u64..100_000, 0_u64..100_000, count(), count(), count()).prop_map(
        |(input, output, read, written, reasoning)| CanonicalUsage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            cache_read_input_tokens: read,
            cache_creation_input_tokens: written,
            reasoning_tokens: reasoning,
            extensions: Extensions::default(),
        },
    )
}

fn thought(origin: Origin) -> impl Strategy<Value = ContentBlock> {
    let signed = origin.dialect == Dialect::AnthropicMessages;
    (text(), prop::option::of("[A-Za-z0-9+/]{4,12}=")).prop_map(move |(text, signature)| {
        let (origin, extras) = (origin.clone(), BlockExtras::default());
        ContentBlock::Thinking(Thinking { text, signature: signature.filter(|_| signed), origin, extras })
    })
}

/// An answer of a provider that speaks some dialect, whose thoughts these are.
pub(crate) fn answer() -> impl Strategy<Value = CanonicalResponse> {
    let dialect = prop_oneof![Just(Dialect::OpenaiChat), Just(Dialect::AnthropicMessages)];
    let answer = dialect.prop_flat_map(|dialect| {
        let origin = Origin { dialect, provider: Some("sample".into()) };
        let block = prop_oneof![
            3 => said().boxed(),
            1 => thought(origin).boxed(),
            2 => ("[a-z_]{1,8}", object()).prop_map(|(name, input)| call(String::new(), name, input)).boxed(),
        ];
        let reason = prop::option::of(prop::sample::select(StopReason::ALL));
        (
            prop::collection::vec(block, 0..6),
            reason,
            prop::option::of("[a-z]{1,4}"),
            prop::option::of(usage()),
        )
    });
    answer.prop_map(|(mut content, stop_reason, stop_sequence, usage)| {
        for (number, block) in content.iter_mut().enumerate() {
            if let ContentBlock::ToolUse(call) = block {
                call.id = format!("call_{number}");
            }
        }
        let (id, model) = ("msg_1".to_owned(), "m".to_owned());
        let stop_sequence = stop_sequence.filter(|_| stop_reason == Some(StopReason::StopSequence));
        CanonicalResponse {
            id,
            model,
            content,
            stop_reason,
            stop_sequence,
            usage,
            extensions: Extensions::default(),
        }
    })
}

/// `text` in pieces of as many letters as `sizes` say, over and over.
fn pieces(text: &str, sizes: &[usize]) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let (mut pieces, mut at, mut sizes) = (Vec::new(), 0, sizes.iter().cycle());
    while at < letters.len() {
        let end = (at + sizes.next().copied().unwrap_or(1).max(1)).min(letters.len());
        pieces.push(letters[at..end].iter().collect());
        at = end;
    }
    pieces
}

/// The stream that says what `answer` says. Calls that stand behind each other are written at once if
/// `overlap`.
pub(crate) fn streamed(answer: &CanonicalResponse, sizes: &[usize], overlap: bool) -> Vec<CanonicalChunk> {
    let head = CanonicalResponse {
        content: Vec::new(),
        stop_reason: None,
        stop_sequence: None,
        usage: None,
        ..answer.clone()
    };
    let mut chunks = vec![CanonicalChunk::MessageStart { message: Box::new(head) }];
    let mut run: Vec<(usize, Vec<CanonicalChunk>)> = Vec::new();
    for (index, block) in answer.content.iter().enumerate() {
        let (start, deltas) = begun(block, sizes);
        let start = CanonicalChunk::ContentBlockStart { index, content_block: start };
        let deltas =
            deltas.into_iter().map(|delta| CanonicalChunk::ContentBlockDelta { index, delta }).collect();
        if !(overlap && matches!(block, ContentBlock::ToolUse(_))) {
            flush(&mut run, &mut chunks);
        }
        chunks.push(start);
        run.push((index, deltas));
    }
    flush(&mut run, &mut chunks);
    let delta = MessageDelta {
        stop_reason: answer.stop_reason,
        stop_sequence: answer.stop_sequence.clone(),
        extensions: Extensions::default(),
    };
    chunks.push(CanonicalChunk::MessageDelta { delta, usage: answer.usage.clone() });
    chunks.push(CanonicalChunk::MessageStop);
    chunks
}

/// Writes the pieces of open blocks by turns, and closes them.
fn flush(run: &mut Vec<(usize, Vec<CanonicalChunk>)>, chunks: &mut Vec<CanonicalChunk>) {
    let mut rows: Vec<_> = run.iter_mut().map(|(_, deltas)| std::mem::take(deltas).into_iter()).collect();
    loop {
        let row: Vec<_> = rows.iter_mut().filter_map(Iterator::next).collect();
        if row.is_empty() {
            break;
        }
        chunks.extend(row);
    }
    chunks.extend(run.drain(..).map(|(index, _)| CanonicalChunk::ContentBlockStop { index }));
}

fn begun(block: &ContentBlock, sizes: &[usize]) -> (ContentBlock, Vec<Delta>) {
    match block {
        ContentBlock::Text(text) => {
            let deltas = pieces(&text.text.to_str(), sizes).into_iter().map(|text| Delta::TextDelta { text });
            (ContentBlock::text(""), deltas.collect())
        }
        ContentBlock::Thinking(thought) => {
            let deltas = pieces(&thought.text, sizes).into_iter().map(|text| Delta::ThinkingDelta { text });
            let signature = thought.signature.clone().map(|signature| Delta::SignatureDelta { signature });
            let start = Thinking { text: String::new(), signature: None, ..thought.clone() };
            (ContentBlock::Thinking(start), deltas.chain(signature).collect())
        }
        ContentBlock::ToolUse(call) => {
            let input = if call.input.text() == "{}" { "" } else { call.input.text() };
            let deltas =
                pieces(input, sizes).into_iter().map(|partial_json| Delta::InputJsonDelta { partial_json });
            let start = ToolUse { input: Json::object::<&str>(&[]), ..call.clone() };
            (ContentBlock::ToolUse(start), deltas.collect())
        }
        other => (other.clone(), Vec::new()),
    }
}
