//! A search for an order in which one thing after another explains what several clients have seen at once.
//!
//! This is the algorithm of Wing and Gong with the memory of Lowe ("Testing for linearizability", 2017): depth first,
//! and no set of events with the same state is tried twice.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

/// An interval in which something has happened.
pub type Sometime = (Duration, Duration);

/// Something that has taken effect at one moment of an interval.
#[derive(Clone, Copy, Debug)]
pub struct Event<A> {
    /// The first moment.
    pub from: Duration,
    /// The last moment.
    pub until: Duration,
    /// It has taken effect. If it has got no response, it may also take none.
    pub certain: bool,
    pub action: A,
}

/// What there is one of, to its clients: it changes by one event at a time.
pub trait Model: Clone + Debug + Eq + Hash {
    type Action;

    /// The states that it may have after an event. None, if the event cannot be: its response would be another.
    fn after(&self, event: &Event<Self::Action>) -> Vec<Self>;
}

/// Finds out whether there is an order of the events, each within its interval, that the model allows.
///
/// # Errors
/// The longest order that was found before nothing fitted any more, and the state at its end.
pub fn check<M: Model>(initial: &M, events: &[Event<M::Action>]) -> Result<(), (Vec<usize>, M)> {
    assert!(events.len() <= 256, "{} events of one thing are too many", events.len());
    let mut search =
        Search { events, tried: HashSet::new(), order: Vec::new(), longest: (Vec::new(), initial.clone()) };
    if search.explains(&Events::default(), initial) { Ok(()) } else { Err(search.longest) }
}

/// A set of events.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Events([u128; 2]);

impl Events {
    fn contains(&self, event: usize) -> bool {
        self.0[event / 128] >> (event % 128) & 1 == 1
    }

    fn with(mut self, event: usize) -> Self {
        self.0[event / 128] |= 1 << (event % 128);
        self
    }
}

struct Search<'a, M: Model> {
    events: &'a [Event<M::Action>],
    tried: HashSet<(Events, M)>,
    order: Vec<usize>,
    longest: (Vec<usize>, M),
}

impl<M: Model> Search<'_, M> {
    /// Whether the rest of the events can follow in this state.
    fn explains(&mut self, done: &Events, state: &M) -> bool {
        let events = self.events;
        let rest = || (0..events.len()).filter(|event| !done.contains(*event));
        // An event that is certain comes before everything that began after its end.
        let Some(first_end) = rest().filter(|event| events[*event].certain).map(|event| events[event].until).min()
        else {
            return true;
        };
        if !self.tried.insert((*done, state.clone())) {
            return false;
        }
        let now = self.order.iter().map(|event| events[*event].from).max().unwrap_or_default();
        for event in rest().filter(|event| events[*event].from <= first_end && events[*event].until >= now) {
            for next in state.after(&events[event]) {
                // What may have taken no effect, and would have none, is left out.
                if !events[event].certain && next == *state {
                    continue;
                }
                self.order.push(event);
                if self.order.len() > self.longest.0.len() {
                    self.longest = (self.order.clone(), next.clone());
                }
                if self.explains(&done.with(event), &next) {
                    return true;
                }
                self.order.pop();
            }
        }
        false
    }
}

/// A register that is written and read: the checker itself must tell what is linearizable from what is not.
#[test]
fn an_order_is_found_if_and_only_if_there_is_one() {
    #[derive(Clone, Copy)]
    enum Step {
        Write(u8),
        Read(u8),
    }
    use Step::{Read, Write};

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Register(u8);
    impl Model for Register {
        type Action = Step;
        fn after(&self, event: &Event<Step>) -> Vec<Self> {
            match event.action {
                Write(value) => vec![Self(value)],
                Read(value) if value == self.0 => vec![self.clone()],
                Read(_) => vec![],
            }
        }
    }

    let event = |from, until, certain, action| {
        let [from, until] = [from, until].map(Duration::from_secs);
        Event { from, until, certain, action }
    };
    let sure = |from, until, action| event(from, until, true, action);
    let maybe = |from, until, action| event(from, until, false, action);
    for (explained, events) in [
        (true, vec![sure(0, 1, Read(0)), sure(2, 3, Write(1)), sure(4, 5, Read(1))]),
        (false, vec![sure(0, 1, Write(1)), sure(2, 3, Read(0))]),
        // While a write goes on, either value may be read; but the old one not after the new one.
        (true, vec![sure(0, 9, Write(1)), sure(1, 2, Read(0)), sure(3, 4, Read(1))]),
        (false, vec![sure(0, 9, Write(1)), sure(1, 2, Read(1)), sure(3, 4, Read(0))]),
        // A write without a response takes effect, or does not; once.
        (true, vec![maybe(0, 9, Write(1)), sure(1, 2, Read(0)), sure(3, 4, Read(0))]),
        (true, vec![maybe(0, 9, Write(1)), sure(1, 2, Read(0)), sure(20, 21, Read(1))]),
        (false, vec![maybe(0, 9, Write(1)), sure(10, 11, Read(0)), sure(12, 13, Read(1))]),
        (false, vec![maybe(0, 9, Write(1)), sure(1, 2, Read(1)), sure(3, 4, Read(0)), sure(5, 6, Read(1))]),
        (true, vec![sure(0, 9, Write(1)), sure(0, 9, Write(2)), sure(1, 2, Read(1)), sure(3, 4, Read(2))]),
        (false, vec![sure(0, 1, Write(1)), sure(2, 9, Write(2)), sure(3, 4, Read(2)), sure(5, 6, Read(1))]),
    ] {
        assert_eq!(check(&Register(0), &events).is_ok(), explained);
    }
}
