//! The request as modules see it: decoded for whoever asks, copied for whoever edits.

use std::fmt;
use std::sync::{Arc, OnceLock};

use penstock_core::canonical::{
    CanonicalRequest, Content as CanonicalContent, ContentBlock, Document, Image, Source,
};
use penstock_core::{Dialect, Json, Number};

use crate::HookError;

/// Where a request's content comes from.
pub trait RequestSource: fmt::Debug + Send + Sync {
    /// All of it. An error says what cannot be read; such a request can still be passed on as it is.
    fn decode(&self) -> Result<CanonicalRequest, String>;

    /// A rough count of its input tokens, without decoding it.
    fn estimated_input(&self) -> u64;

    /// How much it lets its model put out. A source that can tell without decoding it says so itself.
    fn output_bound(&self) -> OutputBound {
        self.decode().map(|request| OutputBound::of(&request)).unwrap_or_default()
    }
}

/// How much a request lets its model put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputBound {
    /// Tokens of one answer at the most, if it says so.
    pub tokens: Option<u64>,
    /// How many answers are asked for at once.
    pub choices: u64,
}

impl OutputBound {
    /// What `request` says.
    pub fn of(request: &CanonicalRequest) -> Self {
        let choices = request.extensions.get(Dialect::OpenaiChat, "n").and_then(Json::read::<u64>);
        let whole = |number: &Number| number.as_u64().or_else(|| rounded(number.as_f64()));
        let tokens = request.max_tokens.as_ref().and_then(whole);
        Self { tokens, choices: choices.unwrap_or(1).max(1) }
    }
}

impl Default for OutputBound {
    fn default() -> Self {
        Self { tokens: None, choices: 1 }
    }
}

/// A whole number that is spelt as a fraction, such as `1e3`; whatever makes no sense is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "out of range is the most there is"
)]
fn rounded(number: f64) -> Option<u64> {
    (number >= 0.0).then(|| number.ceil() as u64)
}

/// A request. To copy one costs nothing: the content is shared until somebody edits it.
#[derive(Clone, Debug)]
pub struct Request {
    model: Arc<str>,
    stream: bool,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    AsItCame(Arc<Lazy>),
    Edited(Arc<CanonicalRequest>),
}

#[derive(Debug)]
struct Lazy {
    source: Arc<dyn RequestSource>,
    decoded: OnceLock<Result<CanonicalRequest, String>>,
}

impl Request {
    /// A request for `model`.
    pub fn new(model: impl Into<Arc<str>>, stream: bool, source: Arc<dyn RequestSource>) -> Self {
        let lazy = Lazy { source, decoded: OnceLock::new() };
        Self { model: model.into(), stream, content: Content::AsItCame(Arc::new(lazy)) }
    }

    /// The model that is asked for. The one in [`Self::canonical`] may be older.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Asks for another model. The rest of the request stays as it came, byte for byte.
    pub fn set_model(&mut self, model: impl Into<Arc<str>>) {
        self.model = model.into();
    }

    /// Whether a stream is asked for. That is between the client and its gateway: modules do not change it.
    pub const fn is_stream(&self) -> bool {
        self.stream
    }

    /// The content, decoded the first time.
    pub fn canonical(&self) -> Result<&CanonicalRequest, HookError> {
        match &self.content {
            Content::Edited(content) => Ok(content),
            Content::AsItCame(lazy) => {
                let decoded = lazy.decoded.get_or_init(|| lazy.source.decode());
                decoded.as_ref().map_err(|error| HookError::new(error.clone()))
            }
        }
    }

    /// The content, to be changed. From here on the request is encoded anew for its provider.
    pub fn edit(&mut self) -> Result<&mut CanonicalRequest, HookError> {
        if let Content::AsItCame(_) = &self.content {
            self.content = Content::Edited(Arc::new(self.canonical()?.clone()));
        }
        let Content::Edited(content) = &mut self.content else { unreachable!("it was just made so") };
        Ok(Arc::make_mut(content))
    }

    /// The edited content, if somebody edited it.
    pub fn edited(&self) -> Option<&CanonicalRequest> {
        match &self.content {
            Content::Edited(content) => Some(content),
            Content::AsItCame(_) => None,
        }
    }

    /// A rough count of its input tokens.
    pub fn estimated_input(&self) -> u64 {
        match &self.content {
            Content::AsItCame(lazy) => lazy.source.estimated_input(),
            Content::Edited(content) => estimate(content),
        }
    }

    /// How much it lets its model put out.
    pub fn output_bound(&self) -> OutputBound {
        match &self.content {
            Content::Edited(content) => OutputBound::of(content),
            Content::AsItCame(lazy) => match lazy.decoded.get() {
                Some(Ok(content)) => OutputBound::of(content),
                _ => lazy.source.output_bound(),
            },
        }
    }
}

/// A rough count of the input tokens: four bytes of JSON text are one, a picture or a document is a thousand.
fn estimate(request: &CanonicalRequest) -> u64 {
    const PER_MEDIA: u64 = 1_000;
    let blocks = request.messages.iter().flat_map(|message| match &message.content {
        CanonicalContent::Text(_) => &[][..],
        CanonicalContent::Blocks(blocks) => blocks,
    });
    let data = |block: &ContentBlock| match block {
        ContentBlock::Image(Image { source: Source::Base64 { data, .. }, .. })
        | ContentBlock::Document(Document { source: Source::Base64 { data, .. }, .. }) => Some(data.len()),
        _ => None,
    };
    let (media, encoded) = blocks
        .filter_map(data)
        .fold((0, 0), |(media, encoded), length| (media + PER_MEDIA, encoded + length));
    let text = serde_json::to_vec(request).map_or(0, |text| text.len());
    u64::try_from(text.saturating_sub(encoded)).unwrap_or(u64::MAX) / 4 + media
}
