import CKernels

/// Runs `body` on each instruction set that this processor has, weakest first, and goes back to the one before.
///
/// The set is the whole process's: it takes tests that run one after the other.
public func onEveryInstructionSet(_ body: (pare_isa) throws -> Void) rethrows {
  let before = pare_isa_level()
  defer { pare_limit_isa(before) }
  for isa in [PARE_ISA_PORTABLE, PARE_ISA_AVX2, PARE_ISA_AVX512] where isa.rawValue <= before.rawValue {
    pare_limit_isa(isa)
    try body(isa)
  }
}
