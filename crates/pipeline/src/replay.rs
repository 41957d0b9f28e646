//! A whole answer as the stream that it would have been.

use penstock_core::canonical::{
    CanonicalChunk, CanonicalResponse, ContentBlock, Delta, MessageDelta, Text, Thinking, ToolUse,
};
use penstock_core::{Json, JsonText};

/// The pieces of `response`. Put together again they are `response`.
pub fn replay(response: &CanonicalResponse) -> Vec<CanonicalChunk> {
    let head = CanonicalResponse {
        id: response.id.clone(),
        model: response.model.clone(),
        usage: response.usage.clone(),
        extensions: response.extensions.clone(),
        ..CanonicalResponse::default()
    };
    let mut chunks = vec![CanonicalChunk::MessageStart { message: Box::new(head) }];
    for (index, block) in response.content.iter().enumerate() {
        let (content_block, deltas) = opened(block);
        chunks.push(CanonicalChunk::ContentBlockStart { index, content_block });
        chunks.extend(deltas.into_iter().map(|delta| CanonicalChunk::ContentBlockDelta { index, delta }));
        chunks.push(CanonicalChunk::ContentBlockStop { index });
    }
    let delta = MessageDelta {
        stop_reason: response.stop_reason,
        stop_sequence: response.stop_sequence.clone(),
        ..MessageDelta::default()
    };
    chunks.push(CanonicalChunk::MessageDelta { delta, usage: response.usage.clone() });
    chunks.push(CanonicalChunk::MessageStop);
    chunks
}

/// A block as it begins, and what is then added to it.
fn opened(block: &ContentBlock) -> (ContentBlock, Vec<Delta>) {
    match block {
        ContentBlock::Text(block) if !block.text.is_empty() => {
            let delta = Delta::TextDelta { text: block.text.to_str().into_owned() };
            (
                ContentBlock::Text(Text { text: JsonText::default(), extras: block.extras.clone() }),
                vec![delta],
            )
        }
        ContentBlock::ToolUse(block) => {
            let delta = Delta::InputJsonDelta { partial_json: block.input.text().to_owned() };
            let begun = ToolUse { input: Json::object::<&str>(&[]), ..block.clone() };
            (ContentBlock::ToolUse(begun), vec![delta])
        }
        ContentBlock::Thinking(block) => {
            let text = (!block.text.is_empty()).then(|| Delta::ThinkingDelta { text: block.text.clone() });
            let signed = block.signature.clone().map(|signature| Delta::SignatureDelta { signature });
            let begun = Thinking { text: String::new(), signature: None, ..block.clone() };
            (ContentBlock::Thinking(begun), text.into_iter().chain(signed).collect())
        }
        whole => (whole.clone(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use penstock_core::Dialect;
    use penstock_core::canonical::{BlockExtras, CanonicalUsage, Fold, Origin, StopReason};

    use super::*;

    #[test]
    fn its_pieces_make_the_answer() {
        let extras = BlockExtras::default;
        let input = Json::parse(r#"{"n":1.0,"big":18446744073709551616}"#).unwrap();
        let whole = CanonicalResponse {
            id: "id".to_owned(),
            model: "model".to_owned(),
            content: vec![
                ContentBlock::Thinking(Thinking {
                    text: "hm".to_owned(),
                    signature: Some("signed".to_owned()),
                    origin: Origin::of(Dialect::AnthropicMessages),
                    extras: extras(),
                }),
                ContentBlock::text("a \"text\""),
                ContentBlock::text(""),
                ContentBlock::ToolUse(ToolUse {
                    id: "call".to_owned(),
                    name: "tool".to_owned(),
                    input,
                    extras: extras(),
                }),
            ],
            stop_reason: Some(StopReason::ToolUse),
            usage: Some(CanonicalUsage { output_tokens: Some(3), ..CanonicalUsage::default() }),
            ..CanonicalResponse::default()
        };
        let mut fold = Fold::default();
        for chunk in replay(&whole) {
            fold.push(chunk).unwrap();
        }
        assert_eq!(fold.finish().unwrap(), whole);
    }
}
