// What the owner reads of this device: its browser and system, as far as the user agent tells.

/** The first that fits: nearly all call themselves Chrome or Safari as well. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/(?:OPR|OPT)\/(\d+)/, 'Opera'],
  [/SamsungBrowser\/(\d+)/, 'Samsung Internet'],
  [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/(?:Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/Version\/(\d+).*Safari\//, 'Safari'],
];

/** Again the first: Android is a Linux, and an iPhone is "like Mac OS X". */
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/Android/, 'Android'],
  [/iPhone|iPad|iPod/, 'iOS'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/Linux|X11/, 'Linux'],
];

/** Names the device, such as "Firefox 153, Android"; undefined where nothing is known. */
export function deviceName(userAgent: string): string | undefined {
  const parts: string[] = [];
  for (const [pattern, browser] of BROWSERS) {
    const version = pattern.exec(userAgent)?.[1];
    if (version === undefined) continue;
    parts.push(`${browser} ${version.slice(0, 6)}`);
    break;
  }
  const system = SYSTEMS.find(([pattern]) => pattern.test(userAgent));
  if (system) parts.push(system[1]);
  return parts.length > 0 ? parts.join(', ') : undefined;
}
