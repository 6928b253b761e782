//! What the jobs of a dial do, in four bytes each.

/// What a job of a dial does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum State {
    /// It was never asked, and its first turn has not come.
    New,
    /// It waits for its turn.
    Rests,
    /// It rests until a time of its own, since it was asked late.
    Parked,
    /// It was never asked, and its turn was missed.
    Unasked,
    /// Its turn was missed; it waits for the index.
    Late,
    /// The same, and it is near a limit.
    Near,
    /// A poll of it has begun.
    Busy,
    /// It fails permanently, so that it has deadlines only: AWS denies it.
    Denied,
    /// The same: AWS says that it does not exist, or that its id is not valid.
    Missing,
}

impl State {
    const ALL: [Self; 9] = [
        Self::New,
        Self::Rests,
        Self::Parked,
        Self::Unasked,
        Self::Late,
        Self::Near,
        Self::Busy,
        Self::Denied,
        Self::Missing,
    ];

    /// Whether its turn makes it wait for a call.
    pub(super) fn has_turns(self) -> bool {
        matches!(self, Self::New | Self::Rests)
    }

    /// Whether its deadline makes it wait for a call.
    pub(super) fn has_deadlines(self) -> bool {
        matches!(self, Self::Late | Self::Near | Self::Denied | Self::Missing)
    }
}

/// A [`State`], in four bytes with the place in its heap of a job that waits for the index, or with
/// the marks of any other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u32);

const PLACE_BITS: u32 = 28;

impl Entry {
    pub(super) fn new(state: State, place: u32) -> Self {
        Self((state as u32) << PLACE_BITS | place)
    }

    pub(super) fn state(self) -> State {
        State::ALL[(self.0 >> PLACE_BITS) as usize]
    }

    pub(super) fn place(self) -> u32 {
        self.0 & ((1 << PLACE_BITS) - 1)
    }
}
