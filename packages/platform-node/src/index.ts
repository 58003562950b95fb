export * from "./NodePostgres.ts"
export * from "./NodeTransport.ts"
