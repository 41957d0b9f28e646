//! Values on their way in and out.

use penstock_quickjs_native::bytes_of;
use rquickjs::function::Args;
use rquickjs::{
    ArrayBuffer, Coerced, Ctx, Error, Exception, FromJs as _, Function, Object, Result, String as JsString,
    TypedArray, Value as JsValue,
};

use crate::engine::{Failure, Host, Thrown, Value};

/// Calls an entry of the prelude.
pub(super) fn enter(ctx: &Ctx<'_>, entry: &str, arguments: &[Value]) -> Result<()> {
    let entries = ctx.userdata::<Object<'_>>().ok_or(Error::Unknown)?;
    let function: Function<'_> = entries.get(entry)?;
    let mut passed = Args::new(ctx.clone(), arguments.len());
    for argument in arguments {
        passed.push_arg(into_script(ctx, argument)?)?;
    }
    function.call_arg(passed)
}

/// A script calls the host.
pub(super) fn call<'js>(
    ctx: &Ctx<'js>,
    host: &dyn Host,
    operation: &str,
    arguments: &[JsValue<'js>],
) -> Result<JsValue<'js>> {
    let arguments =
        arguments.iter().map(|argument| from_script(ctx, argument)).collect::<Result<Vec<_>>>()?;
    match host.call(operation, &arguments) {
        Ok(value) => into_script(ctx, &value),
        Err(failure) => Err(throw(ctx, failure)?),
    }
}

fn throw(ctx: &Ctx<'_>, failure: Failure) -> Result<Error> {
    let error = Exception::from_message(ctx.clone(), &failure.message)?;
    let object = error.as_object();
    if failure.name != "Error" {
        object.set("name", failure.name)?;
    }
    if let Some(code) = failure.code {
        object.set("code", code)?;
    }
    if failure.is_storage {
        object.set("isStorage", true)?;
    }
    Ok(error.throw())
}

pub(super) fn into_script<'js>(ctx: &Ctx<'js>, value: &Value) -> Result<JsValue<'js>> {
    Ok(match value {
        Value::Nothing => JsValue::new_undefined(ctx.clone()),
        Value::Null => JsValue::new_null(ctx.clone()),
        Value::Bool(value) => JsValue::new_bool(ctx.clone(), *value),
        Value::Number(value) => JsValue::new_number(ctx.clone(), *value),
        Value::Text(text) => JsString::from_str(ctx.clone(), text)?.into_value(),
        Value::Bytes(bytes) => {
            let buffer = ArrayBuffer::new_copy(ctx.clone(), bytes)?;
            TypedArray::<u8>::from_arraybuffer(buffer)?.into_value()
        }
    })
}

fn from_script<'js>(ctx: &Ctx<'js>, value: &JsValue<'js>) -> Result<Value> {
    if let Some(text) = value.as_string() {
        return text_of(text).map(Value::Text);
    }
    if let Some(number) = value.as_number() {
        return Ok(Value::Number(number));
    }
    if let Some(value) = value.as_bool() {
        return Ok(Value::Bool(value));
    }
    if value.is_undefined() {
        return Ok(Value::Nothing);
    }
    if value.is_null() {
        return Ok(Value::Null);
    }
    if let Some(array) = value.as_object().and_then(|object| object.as_typed_array::<u8>()) {
        return Ok(Value::Bytes(bytes_of(array)));
    }
    Err(Exception::throw_type(ctx, "expected a text, a number, a boolean or bytes"))
}

/// The text; half of a surrogate pair, which is none, is replaced.
fn text_of(text: &JsString<'_>) -> Result<String> {
    match text.to_string() {
        Err(Error::Utf8(_)) => {
            let whole: Function<'_> =
                text.ctx().eval("String.prototype.toWellFormed.call.bind(String.prototype.toWellFormed)")?;
            whole.call((text.clone(),))
        }
        answer => answer,
    }
}

/// What has just been thrown.
pub(super) fn caught(ctx: &Ctx<'_>, error: Error) -> Thrown {
    match error {
        Error::Exception => thrown(ctx, &ctx.catch()),
        other => Thrown { message: other.to_string(), stack: String::new() },
    }
}

/// What a value says that was thrown.
pub(super) fn thrown<'js>(ctx: &Ctx<'js>, value: &JsValue<'js>) -> Thrown {
    let Some(object) = value.as_object() else {
        let message = Coerced::<String>::from_js(ctx, value.clone()).map(|text| text.0);
        return Thrown {
            message: message.unwrap_or_else(|_| value.type_name().to_owned()),
            stack: String::new(),
        };
    };
    let text = |name: &str| object.get::<_, Option<String>>(name).ok().flatten();
    let (name, message) = (text("name"), text("message").unwrap_or_default());
    let message = match name.filter(|name| name != "Error") {
        Some(name) => format!("{name}: {message}"),
        None => message,
    };
    if ctx.has_exception() {
        // a getter threw: that is not what was asked
        drop(ctx.catch());
    }
    Thrown { message, stack: text("stack").unwrap_or_default() }
}
