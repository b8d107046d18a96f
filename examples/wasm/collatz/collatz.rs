//! collatz reads a number and tells which number up to it takes the most steps of 3n+1 to become 1, and how many. It is an example of a program
//! in Rust, with its standard library only, that runs as a module of WebAssembly. What is no such number ends it with exit code 1, and what it
//! says then becomes the error of the item.

use std::io::{self, Read};
use std::process::ExitCode;

fn main() -> ExitCode {
    match answer() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<String, String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|e| format!("input: {e}"))?;
    let text = text.trim();
    let limit: u32 = text.parse().map_err(|e| format!("{text:?} is no number from 1 to {}: {e}", u32::MAX))?;
    let (start, steps) = longest(limit)?;
    Ok(format!("{{\"start\": {start}, \"steps\": {steps}}}"))
}

/// longest tells the first of the numbers from 1 to limit that takes the most steps.
fn longest(limit: u32) -> Result<(u32, u32), String> {
    if limit == 0 {
        return Err(format!("0 is no number from 1 to {}", u32::MAX));
    }
    let mut best = (1, 0);
    for start in 1..=limit {
        let taken = steps(start)?;
        if taken > best.1 {
            best = (start, taken);
        }
    }
    Ok(best)
}

fn steps(start: u32) -> Result<u32, String> {
    let (mut n, mut count) = (u64::from(start), 0);
    while n != 1 {
        n = if n % 2 == 0 { Some(n / 2) } else { n.checked_mul(3).and_then(|n| n.checked_add(1)) }
            .ok_or_else(|| format!("from {start} on the numbers grow beyond 64 bits"))?;
        count += 1;
    }
    Ok(count)
}
