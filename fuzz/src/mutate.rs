//! Changes that leave a body or a stream readable, so that the fuzzer gets past the JSON reader.

use std::ops::Range;

/// Words of the wire formats: keys, types and values.
const WORDS: &str = "
    model messages role content system developer user assistant tool function type text refusal
    image_url url file file_data filename cache_control ephemeral tools tool_choice auto any none
    required parallel_tool_calls disable_parallel_tool_use name description parameters input_schema
    arguments tool_calls tool_call_id tool_use tool_result tool_use_id is_error id index input source
    media_type data base64 document title context thinking redacted_thinking signature budget_tokens
    enabled disabled adaptive effort output_config format response_format json_schema json_object schema
    strict max_tokens max_completion_tokens temperature top_p top_k stop stop_sequences stop_reason
    stop_sequence stream stream_options reasoning_effort reasoning reasoning_content reasoning_details
    metadata user_id choices message delta finish_reason length content_filter logprobs usage
    prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details
    cached_tokens reasoning_tokens input_tokens output_tokens cache_read_input_tokens
    cache_creation_input_tokens object created chat.completion error code param message_start
    message_delta message_stop content_block content_block_start content_block_delta content_block_stop
    text_delta input_json_delta partial_json thinking_delta signature_delta citations_delta citation
    citations ping end_turn pause_turn custom kind ~from ~message ~choice ~content ~role
";

/// Values that are likely to be treated by themselves.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "-1",
    "1.0",
    "2e3",
    "18446744073709551616",
    "\"\"",
    "\" \"",
    "\"x\"",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "{\"\":null}",
    "\"{}\"",
    "\"{\\\"a\\\":1}\"",
    "\" {} \"",
    "\"{\\\"a\\\"\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"data:image/png;base64,AA==\"",
    "\"data:,x\"",
    "\"https://example.com/a.png\"",
    "\"penstock:openai_chat:x\"",
    "\"penstock:anthropic_messages/sample:c2ln\"",
    "\"penstock:anthropic_messages/sample:{}\"",
    "{\"type\":\"text\",\"text\":\"a\"}",
    "{\"type\":\"ephemeral\"}",
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % limit.max(1)
    }

    fn value(&mut self) -> &'static str {
        VALUES[self.below(VALUES.len())]
    }

    fn word(&mut self) -> &'static str {
        let at = self.below(WORDS.split_whitespace().count());
        WORDS.split_whitespace().nth(at).unwrap_or_default()
    }
}

/// A changed body in place of the first `size` bytes; its length, or `None` where bytes should be changed
/// at random.
pub fn body(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> Option<usize> {
    let mut random = Random(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    if random.below(4) == 0 {
        return None;
    }
    let mut text = std::str::from_utf8(&data[..size]).ok()?.to_owned();
    for _ in 0..=random.below(3) {
        text = json(&text, &mut random)?;
    }
    put(data, max_size, &text)
}

/// The same for a stream, whose events are changed, repeated, left out or swapped.
pub fn stream(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> Option<usize> {
    let mut random = Random(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    if random.below(6) == 0 {
        return None;
    }
    let text = std::str::from_utf8(&data[..size]).ok()?;
    let mut events: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
    for _ in 0..=random.below(3) {
        if events.is_empty() {
            return None;
        }
        let (at, other) = (random.below(events.len()), random.below(events.len()));
        match random.below(8) {
            0 => drop(events.remove(at)),
            1 => events.insert(other, events[at].clone()),
            2 => events.swap(at, other),
            _ => events[at] = event(&events[at], &mut random).unwrap_or_default(),
        }
    }
    put(data, max_size, &events.concat())
}

/// An event whose data is changed; one without JSON stays as it is.
fn event(text: &str, random: &mut Random) -> Option<String> {
    let Some(start) = text.find("data:").map(|at| at + 5) else { return Some(text.to_owned()) };
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    match json(&text[start..end], random) {
        Some(changed) => Some(format!("{} {}{}", &text[..start], changed.trim(), &text[end..])),
        None => Some(text.to_owned()),
    }
}

fn put(data: &mut [u8], max_size: usize, text: &str) -> Option<usize> {
    let fits = text.len() <= max_size && text.len() <= data.len();
    fits.then(|| data[..text.len()].copy_from_slice(text.as_bytes()))?;
    Some(text.len())
}

/// A piece of a JSON text.
#[derive(Clone)]
struct Piece {
    /// The value alone.
    value: Range<usize>,
    /// With its key, if it has one.
    member: Range<usize>,
    /// Its key, if it has one.
    key: Option<Range<usize>>,
}

/// A JSON text that differs in one place; `None` if `text` is no JSON.
fn json(text: &str, random: &mut Random) -> Option<String> {
    let mut pieces = Vec::new();
    let start = text.len() - text.trim_start().len();
    Reader { bytes: text.as_bytes(), pieces: &mut pieces }.value(start, start, None, 0)?;
    let piece = pieces[random.below(pieces.len())].clone();
    let other = pieces[random.below(pieces.len())].clone();
    let swap =
        |span: &Range<usize>, with: &str| format!("{}{with}{}", &text[..span.start], &text[span.end..]);
    let whole = text[piece.member.clone()].to_owned();
    Some(match random.below(9) {
        0 | 1 => swap(&piece.value, &text[other.value]),
        2 => swap(&piece.value, random.value()),
        3 => swap(&piece.value, &format!("\"{}\"", random.word())),
        4 if piece.value.start > start => {
            let end = piece.member.end;
            let after = text[end..].len() - text[end..].trim_start().len();
            if text[end + after..].starts_with(',') {
                swap(&(piece.member.start..end + after + 1), "")
            } else {
                let head = text[..piece.member.start].trim_end();
                format!("{}{}", head.strip_suffix(',').unwrap_or(head), &text[end..])
            }
        }
        5 if piece.value.start > start && piece.key.is_none() => {
            swap(&piece.member, &format!("{whole},{whole}"))
        }
        5 | 6 => match &piece.key {
            Some(key) => swap(key, &format!("\"{}\"", random.word())),
            None => swap(&piece.value, random.value()),
        },
        7 if text[piece.value.clone()].starts_with('{') => {
            let value = if random.below(2) == 0 { random.value() } else { &text[other.value] };
            let comma = if text[piece.value.start + 1..].trim_start().starts_with('}') { "" } else { "," };
            let at = piece.value.start + 1;
            swap(&(at..at), &format!("\"{}\":{value}{comma}", random.word()))
        }
        7 if text[piece.value.clone()].starts_with('[') => {
            let comma = if text[piece.value.start + 1..].trim_start().starts_with(']') { "" } else { "," };
            let at = piece.value.start + 1;
            swap(&(at..at), &format!("{}{comma}", &text[other.value]))
        }
        _ => swap(&piece.value, &format!(" {}\n", &text[piece.value.clone()])),
    })
}

/// Finds the pieces of a JSON text; it is lenient about scalars.
struct Reader<'a> {
    bytes: &'a [u8],
    pieces: &'a mut Vec<Piece>,
}

impl Reader<'_> {
    fn space(&self, mut at: usize) -> usize {
        while self.bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    }

    fn string(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            match self.bytes.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    /// The end of the value that begins at `start`.
    fn value(
        &mut self,
        start: usize,
        member: usize,
        key: Option<Range<usize>>,
        depth: usize,
    ) -> Option<usize> {
        let end = match self.bytes.get(start)? {
            b'"' => self.string(start)?,
            b'{' | b'[' if depth < 100 => self.inside(start, depth)?,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                let length = self.bytes[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
                start + length.count()
            }
            _ => return None,
        };
        self.pieces.push(Piece { value: start..end, member: member..end, key });
        Some(end)
    }

    fn inside(&mut self, start: usize, depth: usize) -> Option<usize> {
        let object = self.bytes[start] == b'{';
        let close = if object { b'}' } else { b']' };
        let mut at = self.space(start + 1);
        if self.bytes.get(at) == Some(&close) {
            return Some(at + 1);
        }
        loop {
            let member = at;
            let mut key = None;
            if object {
                let end = self.string(at).filter(|_| self.bytes[at] == b'"')?;
                key = Some(at..end);
                at = self.space(end);
                if self.bytes.get(at) != Some(&b':') {
                    return None;
                }
                at = self.space(at + 1);
            }
            at = self.value(at, member, key, depth + 1)?;
            at = self.space(at);
            match self.bytes.get(at)? {
                b',' => at = self.space(at + 1),
                byte if *byte == close => return Some(at + 1),
                _ => return None,
            }
        }
    }
}
