//! How a command ended.

/// How a command that did its work ended; failures are [`Failure`](crate::app::Failure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// All of it is done.
    Done,
    /// It is done, but some assets were rejected or failed, or deviate.
    SomeFailed,
    /// Something needed is missing, and the command has already said what.
    Unavailable,
    /// It was stopped on request and can be resumed.
    Stopped,
}

impl CommandOutcome {
    /// The process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeFailed => 3,
            Self::Unavailable => 4,
            Self::Stopped => 130,
        }
    }
}
