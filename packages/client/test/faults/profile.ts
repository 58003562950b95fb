// How much of a test is run: what fits into `npm test`, or all of it (`npm run test:long`, which sets PGFX_PROFILE=long).
export const isLong = process.env.PGFX_PROFILE === "long"

/** A count for each profile. */
export const amount = (usual: number, long: number): number => (isLong ? long : usual)

/** A limit of time for a test whose long form takes longer. */
export const withinMinutes = (usual: number, long: number): number => (isLong ? long : usual) * 60_000
