use penstock_core::Operation;

use super::*;
use crate::{ProviderSpec, Request};

use Dialect::{AnthropicMessages, Gemini, OpenaiChat, OpenaiResponses};
use Operation::{CountTokens, Embed, Generate};

const PLAIN: Option<Plan> = Some(Plan::Passthrough { ask_for_usage: false });
const ASK: Option<Plan> = Some(Plan::Passthrough { ask_for_usage: true });

fn exchange(dialect: Dialect, operation: Operation) -> Exchange {
    let request = match dialect {
        Gemini => Request::gemini(operation, "m", "generateContent"),
        _ => Request::sample(dialect, operation, r#"{"model":"m","stream":true}"#),
    };
    Exchange::open(request).unwrap()
}

#[test]
fn who_speaks_the_dialect_gets_the_bytes_and_who_does_not_a_translation() {
    let to = |to| Some(Plan::Translate { to });
    for (channel, dialect, operation, expected) in [
        ("openai", OpenaiChat, Generate, ASK),
        ("openai", OpenaiResponses, Generate, PLAIN),
        ("openai", AnthropicMessages, Generate, to(OpenaiChat)),
        ("openai", Gemini, Generate, None),
        ("openai", AnthropicMessages, CountTokens, None),
        ("anthropic", AnthropicMessages, Generate, PLAIN),
        ("anthropic", AnthropicMessages, CountTokens, PLAIN),
        ("anthropic", OpenaiChat, Generate, to(AnthropicMessages)),
        ("anthropic", OpenaiChat, Embed, None),
        ("gemini", Gemini, Generate, PLAIN),
        ("gemini", Gemini, Embed, PLAIN),
        ("gemini", OpenaiChat, Embed, None),
        ("groq", OpenaiChat, Generate, ASK),
        ("groq", AnthropicMessages, CountTokens, None),
        // these two report usage unasked, and Mistral has no such option
        ("mistral", OpenaiChat, Generate, PLAIN),
        ("openrouter", OpenaiChat, Generate, PLAIN),
        ("openrouter", AnthropicMessages, Generate, PLAIN),
    ] {
        let candidate = Candidate::sample(ProviderSpec::sample(channel), "m");
        let planned = plan(&exchange(dialect, operation), &candidate);
        assert_eq!(planned, expected, "{channel} {dialect} {operation}");
    }
}

#[test]
fn a_client_is_told_in_which_dialect_its_model_could_be_called() {
    let sentence = |dialect, operation, providers: &[ProviderSpec]| {
        let candidates: Vec<_> =
            providers.iter().map(|provider| Candidate::sample(provider.clone(), "m")).collect();
        unsupported(&exchange(dialect, operation), &candidates)
    };
    let claude = ProviderSpec::sample("anthropic").named("claude");
    let openai = ProviderSpec::sample("openai");
    let gemini = ProviderSpec::sample("gemini");
    for (dialect, operation, providers, expected) in [
        (
            OpenaiChat,
            Generate,
            std::slice::from_ref(&gemini),
            "model \"m\" is served by provider \"gemini\", which speaks gemini and not openai_chat: call it \
             in that dialect, this version does not translate between the two",
        ),
        (
            Gemini,
            Generate,
            std::slice::from_ref(&openai),
            "model \"m\" is served by provider \"openai\", which speaks openai_chat and openai_responses \
             and not gemini: call it in that dialect, this version does not translate between the two",
        ),
        (
            OpenaiChat,
            Embed,
            std::slice::from_ref(&claude),
            "provider \"claude\" does not support the operation embed",
        ),
        (OpenaiChat, Generate, &[], "nobody serves this model"),
    ] {
        assert_eq!(sentence(dialect, operation, providers), expected);
    }
}
