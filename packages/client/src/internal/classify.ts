export const conditionName = (_sqlState: string): string | undefined => undefined
