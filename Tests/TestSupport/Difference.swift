import Tensor

/// Says how `value` differs from `expected`, shape and dtype before values, or returns nil when each element is within
/// `relative` of the expected tensor's largest magnitude.
package func difference(_ value: Tensor, _ expected: Tensor, relative: Double) throws -> String? {
  guard value.shape == expected.shape else { return "shape \(value.shape), expected \(expected.shape)" }
  guard value.dtype == expected.dtype else { return "dtype \(value.dtype), expected \(expected.dtype)" }
  let got = try value.scalars(), want = try expected.scalars()
  let scale = want.reduce(0) { max($0, abs($1)) }
  var worst = (index: 0, error: -1.0)
  for (index, pair) in zip(got, want).enumerated() {
    let error = pair.0 == pair.1 ? 0 : abs(pair.0 - pair.1)
    if !(error <= worst.error) { worst = (index, error) }
  }
  guard !got.isEmpty, !(worst.error <= relative * scale) else { return nil }
  return "element \(worst.index) is \(got[worst.index]), expected \(want[worst.index]) (scale \(scale))"
}
