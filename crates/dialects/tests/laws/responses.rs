//! Answers and errors: round trip, whole matrix.

use penstock_core::Json;
use penstock_dialects::codec::codec;

use crate::corpus::{Faults, client, dialects, fixtures, json, origin};

#[test]
fn an_answer_comes_back_as_it_was() {
    let mut faults = Faults::default();
    for fixture in fixtures("responses", 25) {
        let codec = codec(fixture.dialect).unwrap();
        match codec.decode_response(&fixture.body, &origin(fixture.dialect)) {
            Ok(response) => {
                let encoded = codec.encode_response(&response, &client());
                let back = json(&encoded.body);
                if back != json(&fixture.body) {
                    faults.note(&fixture, format!("\n  was {}\n  is  {back}", json(&fixture.body)));
                }
                if let Some(loss) = encoded.losses.first() {
                    faults.note(&fixture, format!("lost on its way to itself: {loss}"));
                }
            }
            Err(error) => faults.note(&fixture, error),
        }
    }
    faults.none();
}

#[test]
fn every_answer_can_be_written_in_every_dialect() {
    let mut faults = Faults::default();
    for fixture in fixtures("responses", 25) {
        let response = fixture.response();
        for (to, codec) in dialects() {
            let encoded = codec.encode_response(&response, &client());
            match codec.decode_response(&encoded.body, &origin(to)) {
                Err(error) => faults.note(&fixture, format!("to {to} it cannot be read: {error}")),
                Ok(back) => {
                    let reported =
                        response.usage.as_ref().map(|usage| (usage.input_tokens, usage.output_tokens));
                    let arrived = back.usage.as_ref().map(|usage| (usage.input_tokens, usage.output_tokens));
                    if reported.is_some_and(|(input, _)| input.is_some())
                        && response
                            .usage
                            .as_ref()
                            .is_some_and(|usage| usage.cache_creation_input_tokens.is_none())
                        && reported != arrived
                    {
                        faults.note(&fixture, format!("to {to}: usage {reported:?} became {arrived:?}"));
                    }
                }
            }
        }
    }
    faults.none();
}

#[test]
fn what_a_provider_says_of_an_error_is_understood() {
    let mut faults = Faults::default();
    for fixture in fixtures("errors", 10) {
        let report = codec(fixture.dialect).unwrap().decode_error(&fixture.body);
        let said = String::from_utf8_lossy(&fixture.body).into_owned();
        match report {
            Some(report)
                if Json::of(&report.message).text().len() > 2 || said.contains("\"message\": \"\"") => {}
            other => faults.note(&fixture, format!("{other:?}")),
        }
    }
    faults.none();
}
