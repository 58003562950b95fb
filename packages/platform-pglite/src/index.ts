export type { PGliteOptions } from "./openDatabase.ts"
export * from "./PGlitePostgres.ts"
export * from "./PGliteTransport.ts"
