/** Disks of their own for tests: small, full, read-only, failing, or cut off from power. Each needs root and `mount`. */
import { spawnSync } from 'node:child_process'

function run(command: string, ...args: string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args)
  return status === 0 ? null : `${command}: ${error?.message ?? stderr.toString().trim()}`
}

/** Mounts a small disk in memory on that folder. @returns why not, where this machine does not let us */
export function mountMemory(folder: string, megabytes: number): string | null {
  return run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder)
}

/** Changes how a folder is mounted: `ro`, `size=64m`. @throws Error when it cannot be */
export function remount(folder: string, options: string): void {
  must(run('mount', '-o', `remount,${options}`, folder))
}

/** Makes an ext4 image of that size and mounts it. @returns why not, where this machine does not let us */
export function mountNewImage(image: string, folder: string, megabytes: number): string | null {
  return run('truncate', '-s', `${megabytes}M`, image) ?? run('mkfs.ext4', '-qF', image) ?? mountImage(image, folder)
}

/** Mounts an image that is there. What its journal holds is replayed. @returns why not */
export function mountImage(image: string, folder: string): string | null {
  return run('mount', '-o', 'loop', image, folder)
}

/** Copies an image as it is at this moment: without what is only in the memory of the system that has it mounted. */
export function copyImage(from: string, to: string): void {
  must(run('cp', '--sparse=always', from, to))
}

/** Unmounts whatever is mounted there; nothing happens where nothing is. */
export function unmount(folder: string): void {
  run('umount', folder)
}

function must(problem: string | null): void {
  if (problem !== null) throw new Error(problem)
}
