import type { Comparison } from './simulation.ts'
export function chart(_: Comparison): string {
  return '<svg xmlns="http://www.w3.org/2000/svg"/>'
}
