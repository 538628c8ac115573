// Effective robustness, as interpreting_clip/published/line_fits.py computes it: lines and planes in logit
// space, and the resampled lines that intervals come from.

const data = JSON.parse(document.getElementById("published-numbers").textContent);
const { shifts, choices, lines, accuracies: sets, confidence } = data;
const shiftKeys = Object.keys(shifts);
const DEFAULT = Object.keys(choices)[0];

// A range is known to six decimals of a fraction, as the library takes it.
const ROUNDING = 1e-4; // in percent

const logit = (x) => Math.log(x) - Math.log1p(-x);
const expit = (y) => 1 / (1 + Math.exp(-y));

// The accuracies that the lines of a choice start from: one, or two for planes.
function abscissas(choice) {
  const { second } = choices[choice];
  return second ? ["imagenet", second] : ["imagenet"];
}

// How far a curved line has risen above its straight piece: nothing below the knee, which is in percent.
function bent(x, knee, bend) {
  return knee == null ? 0 : bend * Math.max(x - logit(knee / 100), 0);
}

// The accuracy in percent that a line predicts; null where an accuracy that it starts from is unknown.
function expected(line, starts) {
  if (starts.some((value) => value == null)) return null;
  const slopes = [line.slope, line.second];
  const rise = starts.reduce((sum, x, i) => sum + slopes[i] * logit(x / 100), 0);
  return 100 * expit(rise + line.intercept + bent(logit(starts[0] / 100), line.knee, line.bend));
}

function startsOf(choice, accuracy) {
  return abscissas(choice).map((name) => accuracy[name] ?? null);
}

// Effective robustness on each shift of a choice that a model was measured on, and whether the line is
// extrapolated to it.
function place(choice, accuracy) {
  const robustness = {};
  const extrapolated = [];
  for (const [shift, line] of Object.entries(lines[choice])) {
    const starts = startsOf(choice, accuracy);
    const predicted = expected(line, starts);
    if (predicted === null || accuracy[shift] == null) continue;
    robustness[shift] = accuracy[shift] - predicted;
    const outside = ([low, high], i) => starts[i] < low - ROUNDING || starts[i] > high + ROUNDING;
    if (line.ranges.some(outside)) extrapolated.push(shift);
  }
  return { robustness, extrapolated };
}

// The shifts of each mean: those of a kind that the choice has a line for.
const MEANS = {
  all: () => true,
  without_objectnet: (shift) => shift !== "objectnet",
  natural: (shift) => shifts[shift].kind === "natural",
  style: (shift) => shifts[shift].kind === "style",
};

function shiftsOf(choice, mean) {
  return shiftKeys.filter((shift) => choices[choice].shifts.includes(shift) && MEANS[mean](shift));
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// The mean over some shifts; null where one of them was not measured.
function meanOver(robustness, over) {
  if (!over.length || over.some((shift) => robustness[shift] === undefined)) return null;
  return average(over.map((shift) => robustness[shift]));
}

// How far one more standard model with this ImageNet accuracy may lie from the lines, on average over all
// shifts; null outside their range.
function limitAt(choice, imagenet) {
  const { spread, limits } = choices[choice];
  if (!limits.all) return spread.all.limit;
  const { level, rise, low, high } = limits.all;
  const outside = imagenet < 100 * low - ROUNDING || imagenet > 100 * high + ROUNDING;
  return outside ? null : Math.exp(level + rise * logit(imagenet / 100));
}

// --- Intervals

const decoded = {};

// The resampled lines of a choice, decoded when they are first needed.
function drawsOf(choice) {
  decoded[choice] ??= Object.fromEntries(
    Object.entries(data.draws[choice]).map(([shift, columns]) => [
      shift,
      Object.fromEntries(
        Object.entries(columns).map(([name, text]) => {
          const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
          const view = new DataView(bytes.buffer);
          const values = Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
          return [name, values];
        }),
      ),
    ]),
  );
  return decoded[choice];
}

// A model's effective robustness on each shift under each resampled line.
function drawn(choice, accuracy, over) {
  const [x, y] = startsOf(choice, accuracy).map((value) => logit(value / 100));
  return Object.fromEntries(
    over.map((shift) => {
      const { slope, second_slope: second, intercept, knee, bend } = drawsOf(choice)[shift];
      const rise = (i) => slope[i] * x + (second ? second[i] * y : 0) + (knee ? bent(x, knee[i], bend[i]) : 0);
      return [shift, slope.map((_, i) => accuracy[shift] - 100 * expit(rise(i) + intercept[i]))];
    }),
  );
}

// The mean over some shifts under each resampled line, which keeps the correlation between their lines.
function drawnMean(draws, over) {
  return draws[over[0]].map((_, i) => average(over.map((shift) => draws[shift][i])));
}

// The middle of the draws, with numpy's linear interpolation.
function ends(draws) {
  const sorted = Float64Array.from(draws).sort();
  return [(1 - confidence) / 2, (1 + confidence) / 2].map((share) => {
    const at = share * (sorted.length - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  });
}
