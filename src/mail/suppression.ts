/** Why an address gets no mail. */
export const suppressionReasons = ['bounce', 'complaint', 'unsubscribe', 'manual'] as const
export type SuppressionReason = (typeof suppressionReasons)[number]
