#!/usr/bin/env bash
# Breaks the codecs, one place at a time, and runs the laws of translation on each: a law that lets a broken
# codec pass is none. Prints which test caught which break; ends with an error if one survived.
# Takes words to look for in the names of breaks, to try only those: scripts/break-codecs.sh "tool call"
#
# It works on a copy of the worktree, changed files included, in $BREAK_CODECS (a folder that is kept, since a
# second run then has less to build). What a break replaces must stand in its file exactly once.
set -euo pipefail
cd "$(dirname "$0")/.."
worktree=$PWD
room=${BREAK_CODECS:-${TMPDIR:-/tmp}/penstock-break-codecs}
tree=$room/tree
export CARGO_TARGET_DIR=$room/target
# a case that failed for one break says nothing about the next
export PROPTEST_DISABLE_FAILURE_PERSISTENCE=1
export RUST_BACKTRACE=0
patience=300

die() { echo "break-codecs: $*" >&2; exit 2; }

# Lays out the copy; files that are gone from the worktree are gone from it as well
rm -rf "$tree"
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard |
	while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
	xargs -0 cp --parents -t "$tree"
cd "$tree"

laws() { timeout "$patience" cargo test --quiet --locked -p penstock-dialects --test laws "$@"; }

laws --no-run >"$room/log" 2>&1 || { cat "$room/log" >&2; die "the laws do not build"; }
laws >"$room/log" 2>&1 || { cat "$room/log" >&2; die "the laws do not hold before anything is broken"; }

only=("$@")
wanted() { # name
	[ ${#only[@]} -eq 0 ] && return
	local word
	for word in "${only[@]}"; do [[ $1 == *"$word"* ]] && return; done
	return 1
}

names=() results=() survivors=0

# Replaces `old` by `new` in a file of crates/, runs the laws, puts the file back
break_it() { # name, file, old, new
	local name=$1 file=crates/$2 old=$3 new=$4 text rest caught status=0
	wanted "$name" || return 0
	[ -f "$file" ] || die "$name: there is no $file"
	# the x keeps the line ends at the end of the file
	text=$(cat "$file"; printf x)
	text=${text%x}
	rest=${text#*"$old"}
	[ "$rest" != "$text" ] || die "$name: $file does not hold
$old"
	[[ $rest != *"$old"* ]] || die "$name: $file holds this more than once:
$old"
	[ "$old" != "$new" ] || die "$name: nothing is replaced"
	printf '%s' "${text%%"$old"*}$new$rest" >"$file"
	laws --no-run >"$room/log" 2>&1 || { cat "$room/log" >&2; die "$name: what is broken must build"; }
	laws >"$room/log" 2>&1 || status=$?
	printf '%s' "$text" >"$file"
	if [ "$status" -eq 124 ]; then
		caught="(the laws did not end)"
	else
		caught=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p; s/^    \([a-z_]*::[a-z_:]*\)$/\1/p' "$room/log" | sort -u)
	fi
	if [ -z "$caught" ]; then
		[ "$status" -eq 0 ] || { cat "$room/log" >&2; die "$name: the laws failed without a name"; }
		caught=SURVIVED
		survivors=$((survivors + 1))
	fi
	names+=("$name")
	results+=("$caught")
	echo "$name: $(wc -l <<<"$caught") $(head -1 <<<"$caught")" >&2
}

openai=dialects/src/openai_chat
anthropic=dialects/src/anthropic_messages

# Reading requests

break_it "ignore unknown fields" dialects/src/object.rs \
	'self.rest.push((name, std::borrow::Cow::Borrowed(map.next_value()?)));' \
	'map.next_value::<serde::de::IgnoredAny>()?;'
break_it "read no top_p (openai_chat)" $openai/decode/request.rs 'top_p: wire.top_p,' 'top_p: None,'
break_it "read no stop sequences (anthropic_messages)" $anthropic/decode/request.rs \
	'stop_sequences: wire.stop_sequences.map(|texts| texts.into_iter().map(Text::into_owned).collect()),' \
	'stop_sequences: None,'
break_it "read an absent max_tokens as 4096" $anthropic/decode/request.rs \
	'max_tokens: wire.max_tokens,' \
	'max_tokens: Some(wire.max_tokens.unwrap_or_else(|| 4_096.into())),'
break_it "read an absent temperature as 1" $openai/decode/request.rs \
	'temperature: wire.temperature,' \
	'temperature: Some(wire.temperature.unwrap_or_else(|| 1.into())),'
break_it "lose is_error" $anthropic/decode/block.rs 'let is_error = block.is_error;' 'let is_error = None;'
break_it "read each tool result as a message of its own" $openai/decode/message.rs \
	'if is_result && results =>' 'if is_result && results && false =>'
break_it "read a refusal as a text" $openai/decode/block.rs \
	'extras.extensions.set(DIALECT, "~refusal", Json::of("field"));' ''
break_it "take odd arguments for an empty object" $openai/decode/tool.rs \
	'return Json::of(arguments);' 'return Json::object::<&str>(&[]);'

# Writing requests

break_it "write numbers as floats" core/src/json.rs \
	'raw.serialize(serializer)' 'drop(raw); serializer.serialize_f64(self.as_f64())'
break_it "write no top_k" $anthropic/encode/request.rs 'top_k: request.top_k.clone(),' 'top_k: None,'
break_it "drop top_k without a word" $openai/encode/request.rs \
	'losses.dropped(Path::Root.field("topK"), "");' ''
break_it "drop a failure without a word" $openai/encode/message.rs \
	'self.parts.losses.dropped(at.field("isError"), "its text goes on");' ''
break_it "drop a mark for the cache without a word" $openai/encode/block.rs \
	'self.losses.dropped(at.field("cacheControl"), "this provider caches by itself");' ''
break_it "drop unknown fields without a word" dialects/src/loss.rs \
	'self.dropped(at.field(name), "");' ''
break_it "drop images of tool results" $openai/encode/message.rs 'self.images.push(part);' 'drop(part);'
break_it "move a system message without a word" $anthropic/encode/message.rs \
	'self.blocks.losses.changed(at, "stands in the system prompt");' ''
break_it "leave a system message out" $anthropic/encode/message.rs \
	'self.move_in_front(at.field("content"), &message.content);' ''
break_it "write a temperature above 1" $anthropic/encode/request.rs 'given if given > 1.0 =>' 'given if given > 9.0 =>'
break_it "keep a tool choice without its tools" dialects/src/object/only_here.rs \
	'if all || left_out' 'if false && all || left_out'
break_it "invent a limit where the catalogue has one" $anthropic/encode/request.rs \
	'losses.filled(Path::Root.field("maxTokens"), format!("{limit}, the most that the model puts out"));' ''
break_it "give a tool the arguments of another" $openai/encode/tool.rs \
	'None => input.text().into(),' 'None => "{}".into(),'

# Thoughts

break_it "replay a foreign signature (anthropic_messages)" $anthropic/encode/thought.rs \
	'if !thought.origin.admits(DIALECT, blocks.provider) {' 'if false {'
break_it "replay a foreign thought (openai_chat)" $openai/encode/block.rs \
	'Self::Provider(target) => origin.admits(DIALECT, target.provider),' \
	'Self::Provider(target) => origin.admits(DIALECT, target.provider) || true,'
break_it "replay a foreign secret" $anthropic/encode/thought.rs \
	'if block.dialect != DIALECT || !admitted {' 'if block.dialect != DIALECT {'
break_it "seal a signature without its provider" dialects/src/carrier.rs \
	'Some(signature) => seal(&thought.origin, signature),' \
	'Some(signature) => seal(&Origin::of(thought.origin.dialect), signature),'
break_it "forget the end of a signature" $openai/stream/blocks.rs \
	'thought.signature.get_or_insert_default().push_str(signature);' 'thought.signature = None.or(thought.signature.take()).or(Some(String::new())); let _ = signature;'

# Answers

break_it "forget cached tokens" $openai/encode/response.rs \
	'usage.input_tokens.map(|input| input.saturating_add(cached))' 'usage.input_tokens.or(Some(cached))'
break_it "count cached tokens twice" $openai/decode/response.rs \
	'prompt.saturating_sub(cached.unwrap_or(0))' 'prompt.saturating_sub(cached.unwrap_or(0).min(0))'
break_it "lose the second choice" $openai/decode/response.rs \
	'response.extensions.set(DIALECT, "choices", Json::of(&others));' ''
break_it "read length as stop" $openai/decode/response.rs \
	'"length" => Some(StopReason::MaxTokens),' '"length" => Some(StopReason::EndTurn),'
break_it "write max_tokens as stop" $openai/encode/response.rs \
	'Some(StopReason::MaxTokens) => Some("length"),' 'Some(StopReason::MaxTokens) => Some("stop"),'
break_it "say end_turn where a tool is called" $anthropic/encode/response.rs \
	'Some(StopReason::EndTurn) if calls => {' 'Some(StopReason::EndTurn) if calls && false => {'
break_it "join texts without a word" $openai/encode/response.rs \
	'losses.changed(Path::Root.field("content"), "its texts are joined");' ''
break_it "lose a stop sequence without a word" $openai/encode/response.rs \
	'losses.dropped(Path::Root.field("stopSequence"), "");' ''

# Streams

break_it "swap the indices of two tool calls" $openai/stream/blocks.rs 'self.calls - 1' '(self.calls - 1) ^ 1'
break_it "give a piece of a tool call to the last one" $openai/stream/blocks.rs \
	'put_arguments(*number, partial_json, head, out);' 'put_arguments(self.calls - 1 + 0 * *number, partial_json, head, out);'
break_it "drop [DONE]" $openai/stream/encode.rs 'out.extend_from_slice(b"data: [DONE]\n\n");' ''
break_it "write no usage in a stream" $openai/stream/encode.rs \
	'self.head.chunk(&[], Some(usage), out);' 'drop(usage);'
break_it "read no stop reason in a stream" $openai/stream/choice.rs \
	'self.finish_reason.as_deref().and_then(decode::stop_reason);' 'None;'
break_it "take a stream that is cut for whole" $openai/stream/decode.rs \
	'if self.stopped || self.main.is_finished() {' 'if true {'
break_it "forget content_block_stop" $anthropic/stream/blocks.rs \
	'put("content_block_stop", wire::Event { index: Some(place), ..wire::Event::default() }, out);' 'let _ = place;'
break_it "emit message_stop twice" $anthropic/stream/encode.rs \
	'put("message_stop", wire::Event::default(), out);' \
	'put("message_stop", wire::Event::default(), out); put("message_stop", wire::Event::default(), out);'
break_it "leave holes between blocks" $anthropic/stream/blocks.rs 'self.next += 1;' 'self.next += 2;'
break_it "read an input in one piece only" $anthropic/stream/decode.rs \
	'"input_json_delta" => Delta::InputJsonDelta { partial_json: text(delta.partial_json)? },' \
	'"input_json_delta" => Delta::InputJsonDelta { partial_json: text(delta.partial_json).filter(|piece| piece.starts_with('"'{'"'))? },'
break_it "begin a stream without a role" $openai/stream/chunk.rs \
	'delta.role = self.role.take().map(Text::from);' 'self.role = None;'
break_it "end each piece of a stream" $openai/stream/chunk.rs \
	'rest: vec![(Cow::Borrowed("finish_reason"), null())],' 'finish_reason: Some("stop".into()), rest: Vec::new(),'
break_it "misname events" $anthropic/stream/encode.rs \
	'out.extend_from_slice(name.as_bytes());' 'out.extend_from_slice(b"message");'
break_it "change an unknown event" $anthropic/stream/encode.rs \
	'out.extend_from_slice(format!("event: {name}\ndata: {}\n\n", event.value).as_bytes());' 'drop(name);'
break_it "name no loss of a stream" $anthropic/stream/encode.rs \
	'self.losses.extensions(Path::Root, &answer.extensions);' ''

[ ${#names[@]} -gt 0 ] || die "no break has such a name"

width=0
for name in "${names[@]}"; do [ ${#name} -le $width ] || width=${#name}; done
printf '\n%-*s  %s\n' "$width" break "caught by"
for at in "${!names[@]}"; do
	name=${names[$at]}
	while IFS= read -r test; do
		printf '%-*s  %s\n' "$width" "$name" "$test"
		name=
	done <<<"${results[$at]}"
done
printf '\n%d breaks, %d survived\n' ${#names[@]} "$survivors"
[ "$survivors" -eq 0 ]
