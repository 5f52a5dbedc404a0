//! Classic BPF (`linux/filter.h`), as much of it as the programs here need.

/// A program for `cls_bpf` with "direct action": what it returns is done with the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::linux) struct Program(Vec<Instruction>);

/// One instruction: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) jt: u8,
    pub(super) jf: u8,
    pub(super) k: u32,
}

/// Where a test leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// The next instruction.
    Next,
    /// Over so many instructions.
    Over(u8),
    /// The frame passes.
    Pass,
    /// The frame is dropped.
    Drop,
}

/// A step of a program that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A ← the byte at this offset of the frame.
    Byte(u32),
    /// A ← the byte at this offset behind X.
    ByteBehindX(u32),
    /// A ← the two bytes there.
    Half(u32),
    /// A ← the four bytes there.
    Word(u32),
    /// A ← A + this.
    Add(u32),
    /// A ← A shifted left.
    ShiftLeft(u32),
    /// X ← A.
    AToX,
    /// X ← this.
    X(u32),
    /// A == this?
    Is(u32, To, To),
    /// A ≥ this?
    AtLeast(u32, To, To),
    /// Over so many instructions.
    Skip(u32),
    /// End: the frame is dropped.
    Drop,
}

impl Program {
    /// Makes a program of steps. A frame that comes to the end of them passes, as does one that
    /// is too short for a test.
    pub(super) fn new(steps: &[Step]) -> Self {
        let end = steps.len();
        let distance = |at: usize, to: To| {
            let over = match to {
                To::Next => 0,
                To::Over(count) => usize::from(count),
                To::Pass => end - at - 1,
                To::Drop => end - at,
            };
            debug_assert!(over <= 255, "a test leads no further than 255 instructions");
            u8::try_from(over).unwrap_or(u8::MAX)
        };
        let mut program: Vec<_> = steps
            .iter()
            .enumerate()
            .map(|(at, step)| {
                let (code, k, yes, no) = match *step {
                    Step::Byte(offset) => (LD | B | ABS, offset, To::Next, To::Next),
                    Step::ByteBehindX(offset) => (LD | B | IND, offset, To::Next, To::Next),
                    Step::Half(offset) => (LD | H | ABS, offset, To::Next, To::Next),
                    Step::Word(offset) => (LD | W | ABS, offset, To::Next, To::Next),
                    Step::Add(value) => (ALU | ADD, value, To::Next, To::Next),
                    Step::ShiftLeft(bits) => (ALU | LSH, bits, To::Next, To::Next),
                    Step::AToX => (MISC | TAX, 0, To::Next, To::Next),
                    Step::X(value) => (LDX | IMM, value, To::Next, To::Next),
                    Step::Is(value, yes, no) => (JMP | JEQ, value, yes, no),
                    Step::AtLeast(value, yes, no) => (JMP | JGE, value, yes, no),
                    Step::Skip(count) => (JMP | JA, count, To::Next, To::Next),
                    Step::Drop => (RET, DROP, To::Next, To::Next),
                };
                Instruction {
                    code,
                    jt: distance(at, yes),
                    jf: distance(at, no),
                    k,
                }
            })
            .collect();
        program.extend([PASS, DROP].map(|k| Instruction {
            code: RET,
            jt: 0,
            jf: 0,
            k,
        }));
        Self(program)
    }

    /// How many instructions it has, at most 4,096.
    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    /// The instructions as the kernel reads them.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let bytes = |i: &Instruction| {
            let [c0, c1] = i.code.to_ne_bytes();
            let [k0, k1, k2, k3] = i.k.to_ne_bytes();
            [c0, c1, i.jt, i.jf, k0, k1, k2, k3]
        };
        self.0.iter().flat_map(bytes).collect()
    }

    #[cfg(test)]
    pub(super) fn instructions(&self) -> &[Instruction] {
        &self.0
    }
}

/// `TC_ACT_UNSPEC`: the next filter may look at it.
pub(super) const PASS: u32 = u32::MAX;
/// `TC_ACT_SHOT`.
pub(super) const DROP: u32 = 2;

pub(super) const LD: u16 = 0x00;
pub(super) const LDX: u16 = 0x01;
pub(super) const ALU: u16 = 0x04;
pub(super) const JMP: u16 = 0x05;
pub(super) const RET: u16 = 0x06;
pub(super) const MISC: u16 = 0x07;
pub(super) const W: u16 = 0x00;
pub(super) const H: u16 = 0x08;
pub(super) const B: u16 = 0x10;
pub(super) const IMM: u16 = 0x00;
pub(super) const ABS: u16 = 0x20;
pub(super) const IND: u16 = 0x40;
pub(super) const ADD: u16 = 0x00;
pub(super) const LSH: u16 = 0x60;
pub(super) const JA: u16 = 0x00;
pub(super) const JEQ: u16 = 0x10;
pub(super) const JGE: u16 = 0x30;
pub(super) const TAX: u16 = 0x00;
