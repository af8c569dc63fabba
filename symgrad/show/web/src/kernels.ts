// What each gate of scalars does, by the name it has in symgrad's own table of gates. IEEE rules
// hold: 1/0 is Infinity and a domain error is NaN. A gate without a row is refused, never guessed.

export type Kernel = (...args: number[]) => number;

const { abs, asin, acos, atan, cos, exp, expm1, log, log1p, sin, sqrt, tan, tanh } = Math;

/** Math.pow is NaN at 1**NaN and (-1)**Infinity, where IEEE says 1. */
export function power(x: number, y: number): number {
  if (y === 2) return x * x;
  if (y === -1) return 1 / x;
  if (x === 1 || (x === -1 && abs(y) === Infinity)) return 1;
  return Math.pow(x, y);
}

/** The sign of the remainder is that of y, as in Python. */
export function mod(x: number, y: number): number {
  const rest = x % y;
  if (rest === 0) return y < 0 ? -0 : 0;
  return rest < 0 === y < 0 ? rest : rest + y;
}

/** log(exp(x) + exp(y)) without overflow. */
export function logaddexp(x: number, y: number): number {
  if (x === y) return x + Math.LN2;
  const gap = x - y;
  if (gap > 0) return x + log1p(exp(-gap));
  return gap <= 0 ? y + log1p(exp(gap)) : gap;
}

export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const small = exp(x);
  return small / (1 + small);
}

function indicator(x: number, y: number, tie: number): number {
  if (x > y) return 1;
  if (x === y) return tie;
  return x < y ? 0 : NaN;
}

function elu(x: number, alpha = 1): number {
  return x > 0 ? x : alpha * expm1(Math.min(x, 0));
}

/** Spherical Bessel functions of order 0 and 1; others have no row. */
function sphericalBessel(order: number, x: number): number {
  if (order === 0) return x === 0 ? 1 : sin(x) / x;
  if (order !== 1) return NaN;
  if (abs(x) > 0.5) return (sin(x) / x - cos(x)) / x;
  let term = x / 3;
  let total = term;
  for (let k = 1; k < 12; k++) total += term *= (-x * x) / (2 * k * (2 * k + 3));
  return total;
}

/** erf by a series of positive terms near 0; 1 - erfc further out. */
export function erf(x: number): number {
  const size = abs(x);
  if (!(size < 2)) return Number.isNaN(x) ? NaN : Math.sign(x) * (1 - erfc(size));
  let term = x;
  let total = x;
  for (let n = 1; abs(term) > abs(total) * 1e-17; n++) total += term *= (2 * x * x) / (2 * n + 1);
  return (2 / sqrt(Math.PI)) * exp(-x * x) * total;
}

/** exp(-x*x) with the square split, so that its rounding is not magnified. */
function gaussian(x: number): number {
  const head = Math.round(x * 1024) / 1024;
  return exp(-head * head) * exp(-(x - head) * (x + head));
}

/** erfc by its continued fraction from 1 on, evaluated from the far end (DLMF 7.9.1). */
export function erfc(x: number): number {
  if (Number.isNaN(x) || x < 1) return 1 - erf(x);
  if (x === Infinity) return 0;
  let tail = 0;
  for (let k = 240; k > 0; k--) tail = k / 2 / (x + tail);
  return gaussian(x) / sqrt(Math.PI) / (x + tail);
}

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

function fold(step: (a: number, b: number) => number): Kernel {
  return (...args) => args.reduce(step);
}

function truth(value: boolean): number {
  return value ? 1 : 0;
}

export const KERNELS: Record<string, Kernel> = {
  add: (x, y) => x! + y!,
  sub: (x, y) => x! - y!,
  neg: (x) => -x!,
  mul: (x, y) => x! * y!,
  div: (x, y) => x! / y!,
  pow: (x, y) => power(x!, y!),
  sqrt: (x) => sqrt(x!),
  exp: (x) => exp(x!),
  log: (x) => log(x!),
  log2: (x) => Math.log2(x!),
  log10: (x) => Math.log10(x!),
  log1p: (x) => log1p(x!),
  expm1: (x) => expm1(x!),
  exp2: (x) => Math.pow(2, x!),
  cbrt: (x) => Math.cbrt(x!),
  xlogy: (x, y) => (x === 0 && y === y ? 0 : x! * log(y!)),
  sin: (x) => sin(x!),
  cos: (x) => cos(x!),
  tan: (x) => tan(x!),
  cot: (x) => 1 / tan(x!),
  sec: (x) => 1 / cos(x!),
  csc: (x) => 1 / sin(x!),
  asin: (x) => asin(x!),
  acos: (x) => acos(x!),
  atan: (x) => atan(x!),
  acot: (x) => atan(1 / x!),
  asec: (x) => acos(1 / x!),
  acsc: (x) => asin(1 / x!),
  sinc: (x) => sphericalBessel(0, x!),
  jn: (n, x) => sphericalBessel(n!, x!),
  atan2: (y, x) => Math.atan2(y!, x!),
  hypot: (x, y) => Math.hypot(x!, y!),
  sinh: (x) => Math.sinh(x!),
  cosh: (x) => Math.cosh(x!),
  tanh: (x) => tanh(x!),
  coth: (x) => 1 / tanh(x!),
  sech: (x) => 1 / Math.cosh(x!),
  csch: (x) => 1 / Math.sinh(x!),
  asinh: (x) => Math.asinh(x!),
  acosh: (x) => Math.acosh(x!),
  atanh: (x) => Math.atanh(x!),
  acoth: (x) => Math.atanh(1 / x!),
  asech: (x) => Math.acosh(1 / x!),
  acsch: (x) => Math.asinh(1 / x!),
  max: (...args) => Math.max(...args),
  min: (...args) => Math.min(...args),
  abs: (x) => abs(x!),
  sign: (x) => Math.sign(x!),
  heaviside: (x, atZero = 0.5) => (x! > 0 ? 1 : x! < 0 ? 0 : x === 0 ? atZero : NaN),
  floor: (x) => Math.floor(x!),
  ceiling: (x) => Math.ceil(x!),
  mod: (x, y) => mod(x!, y!),
  frac: (x) => x! - Math.floor(x!),
  Rem: (x, y) => x! % y!,
  where: (condition, x, y) => (condition !== 0 ? x! : y!),
  indicator: (x, y, tie) => indicator(x!, y!, tie!),
  stop_gradient: (x) => x!,
  lt: (x, y) => truth(x! < y!),
  le: (x, y) => truth(x! <= y!),
  gt: (x, y) => truth(x! > y!),
  ge: (x, y) => truth(x! >= y!),
  eq: (x, y) => truth(x === y),
  ne: (x, y) => truth(x !== y),
  and: (...args) => truth(args.every((x) => x !== 0)),
  or: (...args) => truth(args.some((x) => x !== 0)),
  xor: (...args) => args.filter((x) => x !== 0).length % 2,
  not: (x) => truth(x === 0),
  sigmoid: (x) => sigmoid(x!),
  softplus: (x) => logaddexp(x!, 0),
  relu: (x) => Math.max(x!, 0),
  leaky_relu: (x, alpha = 0.01) => (x! > 0 ? x! : alpha * x!),
  elu: (x, alpha) => elu(x!, alpha),
  selu: (x) => SELU_SCALE * elu(x!, SELU_ALPHA),
  erf: (x) => erf(x!),
  erfc: (x) => erfc(x!),
  gelu: (x) => (x === -Infinity ? NaN : (x! * erfc(-x! / Math.SQRT2)) / 2),
  swish: (x) => x! * sigmoid(x!),
  logsumexp: fold(logaddexp),
  logaddexp: (x, y) => logaddexp(x!, y!),
  re: (x) => x!,
  im: () => 0,
  conjugate: (x) => x!,
};

/** Where a gate has a kink: whether these operands lie exactly on it. */
export const KINKS: Record<string, (...args: number[]) => boolean> = {
  relu: (x) => x === 0,
  leaky_relu: (x) => x === 0,
  elu: (x) => x === 0,
  selu: (x) => x === 0,
  abs: (x) => x === 0,
  sign: (x) => x === 0,
  heaviside: (x) => x === 0,
  floor: (x) => x === Math.floor(x!),
  ceiling: (x) => x === Math.floor(x!),
  max: (...args) => args.filter((x) => x === Math.max(...args)).length > 1,
  min: (...args) => args.filter((x) => x === Math.min(...args)).length > 1,
};
