//! The answers that are not generated text: model lists, embeddings, images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::received::ReportedUsage;
use super::render::{ODDITIES, Part, fill, quote, usage_of};
use super::request::{Ask, Dialect};

/// A transparent pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

pub(super) fn models(dialect: Dialect) -> Part {
    let body = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            r#"{"object":"list","data":[{"id":"scripted","object":"model","created":1760000000,"owned_by":"penstock"},{"id":"scripted-mini","object":"model","created":1760000000,"owned_by":"penstock"}]}"#
        }
        Dialect::Anthropic => {
            r#"{"data":[{"type":"model","id":"scripted","display_name":"Scripted","created_at":"2025-10-09T08:53:20Z"},{"type":"model","id":"scripted-mini","display_name":"Scripted Mini","created_at":"2025-10-09T08:53:20Z"}],"has_more":false,"first_id":"scripted","last_id":"scripted-mini"}"#
        }
        Dialect::Gemini => {
            r#"{"models":[{"name":"models/scripted","version":"001","displayName":"Scripted","inputTokenLimit":1048576,"outputTokenLimit":65536,"supportedGenerationMethods":["generateContent","countTokens"]}]}"#
        }
    };
    Part::new(body)
}

/// One vector per input, each telling its place: exact in 32-bit floats.
pub(super) fn embeddings(ask: &Ask) -> Part {
    let usage = ReportedUsage { input: usage_of(&ask.script).input, ..ReportedUsage::default() };
    let vectors: Vec<_> = (0..ask.vectors.count)
        .map(|index| {
            let values = vector(index, ask.vectors.dimensions);
            let embedding = if ask.vectors.base64 { quote(&encoded(&values)) } else { listed(&values) };
            format!(r#"{{"object":"embedding","index":{index},"embedding":{embedding}}}"#)
        })
        .collect();
    let body = fill(
        r#"{"object":"list","data":[$vectors],"model":$model,"usage":{"prompt_tokens":$input,"total_tokens":$input},$oddities}"#,
        &[
            ("vectors", &vectors.join(",")),
            ("model", &quote(&ask.name)),
            ("input", &usage.input.to_string()),
            ("oddities", ODDITIES),
        ],
    );
    Part { usage: Some(usage), ..Part::new(body) }
}

pub(super) fn gemini_embedding(ask: &Ask) -> Part {
    let values = listed(&vector(0, ask.vectors.dimensions));
    Part::new(format!(r#"{{"embedding":{{"values":{values}}}}}"#))
}

pub(super) fn gemini_embeddings(ask: &Ask) -> Part {
    let vectors: Vec<_> = (0..ask.vectors.count)
        .map(|index| format!(r#"{{"values":{}}}"#, listed(&vector(index, ask.vectors.dimensions))))
        .collect();
    Part::new(format!(r#"{{"embeddings":[{}]}}"#, vectors.join(",")))
}

pub(super) fn images(ask: &Ask) -> Part {
    let usage = ReportedUsage { cached: 0, reasoning: 0, ..usage_of(&ask.script) };
    let body = fill(
        r#"{"created":1760000000,"data":[{"b64_json":"$png"}],"usage":{"input_tokens":$input,"input_tokens_details":{"image_tokens":0,"text_tokens":$input},"output_tokens":$output,"total_tokens":$total},$oddities}"#,
        &[
            ("png", PNG),
            ("input", &usage.input.to_string()),
            ("output", &usage.output.to_string()),
            ("total", &(usage.input + usage.output).to_string()),
            ("oddities", ODDITIES),
        ],
    );
    Part { usage: Some(usage), ..Part::new(body) }
}

/// `[index + 1/2, 1/4, 1/8 …]`: halves are exact whatever the float width.
fn vector(index: usize, dimensions: usize) -> Vec<f32> {
    let place = f32::from(u16::try_from(index).unwrap_or(u16::MAX));
    let halves = std::iter::successors(Some(0.5_f32), |half| Some(half / 2.0));
    halves.take(dimensions).enumerate().map(|(at, half)| if at == 0 { place + half } else { half }).collect()
}

fn listed(values: &[f32]) -> String {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    format!("[{}]", values.join(", "))
}

fn encoded(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
