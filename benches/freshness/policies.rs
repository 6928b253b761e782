//! What the schedule is compared with.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::freshness::Settings;
use crate::freshness::world::{LEVEL, World};

/// The polls of one who knows how often each identity changes and how much it writes then: the one
/// with the least key of virtual time, and those that were not polled for `max_age`.
pub(crate) fn oracle(world: &World, settings: Settings, end: f64) -> Vec<(f64, usize)> {
    let n = world.0.len();
    let mut waiting: BinaryHeap<_> = (0..n).map(|identity| Reverse((0_u64, identity))).collect();
    let mut resting: BinaryHeap<Reverse<(u64, u64, usize)>> = BinaryHeap::new();
    let mut oldest: std::collections::VecDeque<(f64, usize)> = std::collections::VecDeque::new();
    let (mut last, mut seen, mut keys) = (vec![f64::MIN; n], vec![0; n], vec![0_u64; n]);
    let (mut virtual_time, mut polls) = (0, Vec::new());
    let (interval, max_age) = (
        settings.interval.as_secs_f64(),
        settings.max_age.as_secs_f64(),
    );
    for call in 0..(end * settings.rate) as usize {
        let now = call as f64 / settings.rate;
        while oldest.front().is_some_and(|(at, of)| *at != last[*of]) {
            oldest.pop_front();
        }
        while let Some(Reverse((at, key, identity))) = resting.peek().copied()
            && at as f64 <= now * 1e3
        {
            resting.pop();
            waiting.push(Reverse((key, identity)));
        }
        let overdue = oldest.front().filter(|(at, _)| *at <= now - max_age + 60.0);
        let next = overdue.map(|(_, identity)| *identity).or_else(|| {
            while let Some(Reverse((key, identity))) = waiting.pop() {
                if key == keys[identity] && last[identity] + interval <= now {
                    virtual_time = virtual_time.max(key);
                    return Some(identity);
                }
            }
            None
        });
        let Some(identity) = next else { continue };
        polls.push((now, identity));
        let of = &world.0[identity];
        seen[identity] += of.changes[seen[identity]..].partition_point(|(at, _)| *at <= now);
        let before = seen[identity].checked_sub(1);
        let bytes = before.map_or(of.bytes, |last| of.changes[last].1);
        let left = (LEVEL - bytes) / (10.0 * of.write);
        let near = if left > 0.0 { (-left).exp() } else { 0.0 };
        let demand = of.rate.max(1e-12) * (1.0 + 100.0 * near);
        keys[identity] = virtual_time + (65_536.0 / demand.sqrt()) as u64;
        last[identity] = now;
        oldest.push_back((now, identity));
        let rested = ((now + interval) * 1e3) as u64;
        resting.push(Reverse((rested, keys[identity], identity)));
    }
    polls
}
