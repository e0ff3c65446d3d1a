//! The fuzz targets, run briefly and the same way each time: every input of the corpus, and some thousands made from it by
//! a seed that replays. `make fuzz` goes on for millions; see `docs/fuzzing.md`.
#![allow(clippy::unwrap_used)]

mod answers;
mod gate;
mod objects;
mod review;
mod words;

use std::path::{Path, PathBuf};
use std::time::Instant;

use fastrand::Rng;

/// Inputs that each target is given beside its corpus, unless `FUZZ_INPUTS` says another number.
const INPUTS: usize = 300;
/// Where the random numbers begin, unless `FUZZ_SEED` says it.
const SEED: u64 = 1;

/// A number of the environment.
fn setting<T: std::str::FromStr>(name: &str, usual: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}

/// Runs a check over its corpus and over inputs made from it; an input that fails is told in full.
fn run(target: &str, seeds: Vec<Vec<u8>>, check: fn(&[u8])) {
    let files = std::fs::read_dir(corpus(target)).into_iter().flatten();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus of {target} is empty");
    let mut inputs: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    inputs.extend(seeds);
    let told = |input: &[u8]| {
        if let Err(panic) = std::panic::catch_unwind(|| check(input)) {
            eprintln!("{target} fails with {:?}", String::from_utf8_lossy(input));
            std::panic::resume_unwind(panic);
        }
    };
    inputs.iter().for_each(|input| told(input));
    let (begun, count) = (Instant::now(), setting("FUZZ_INPUTS", INPUTS));
    let mut random = Rng::with_seed(setting("FUZZ_SEED", SEED));
    for _ in 0..count {
        told(&mutated(&inputs, &mut random));
    }
    println!("{target}: {} of the corpus and {count} made from it, {:.0?}", inputs.len(), begun.elapsed());
}

/// An input near one of those that are known.
fn mutated(inputs: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut input = inputs[random.usize(..inputs.len())].clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=input.len());
        match random.u8(..5) {
            0 => input.insert(at, random.u8(..)),
            1 if at < input.len() => input[at] = random.u8(..),
            2 if at < input.len() => drop(input.remove(at)),
            3 => input.truncate(at),
            _ => {
                let other = &inputs[random.usize(..inputs.len())];
                let from = random.usize(..=other.len());
                let to = (from + random.usize(..64)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    input
}

#[test]
fn any_review_is_answered_or_is_none() {
    run("review", review::seeds(), review::check);
}

#[test]
fn any_object_is_answered_and_what_is_admitted_can_be_run() {
    run("objects", Vec::new(), objects::check);
}

#[test]
fn any_text_of_a_small_language_is_read_or_refused() {
    run("words", words::seeds(), words::check);
}

#[test]
fn any_answer_of_a_metric_server_is_a_sample_or_an_error() {
    run("answers", answers::seeds(), answers::check);
}
