/**
 * The system calls that Node has no function for, called in the C library through koffi. Arguments are numbers and
 * buffers, a failure is a {@link SystemError}; nothing here knows what a call is for.
 *
 * koffi is a native module, and so is not part of the bundle: it is found in node_modules when the first call is
 * made, which spares every command that makes none the 10 ms it takes to load.
 *
 * All layouts and constants are those of 64-bit little-endian Linux. The structures declared here consist of
 * integers of fixed width and of pointers, and are the same on x64, arm64, riscv64 and loong64.
 */
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import type * as Koffi from 'koffi'

/** This machine cannot call the C library: koffi is missing, or has no build for it. */
export class LibcMissing extends Error {}

/** A system call failed; `code` is the name of the error, as in Node's own errors. */
export class SystemError extends Error {
  readonly code: string
  /** The kernel's words for the error: `operation not permitted`. */
  readonly words: string

  constructor(
    readonly syscall: string,
    readonly errno: number,
  ) {
    const [code, words] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, `error ${errno}`]
    super(`${syscall}: ${words} (${code})`)
    this.code = code
    this.words = words
  }
}

/** Calls that are bound, in C. Buffers are passed by address, without a copy; `long` and `size_t` are numbers. */
const PROTOTYPES = {
  setns: 'int setns(int fd, int type)',
  unshare: 'int unshare(int flags)',
  // The variant of POSIX, under the name that it has in glibc and musl.
  __xpg_strerror_r: 'int __xpg_strerror_r(int error, void *text, size_t length)',
  mount: 'int mount(const void *source, const void *target, const void *type, unsigned long flags, const void *data)',
  umount2: 'int umount2(const void *target, int flags)',
  flock: 'int flock(int fd, int operation)',
  socket: 'int socket(int family, int type, int protocol)',
  bind: 'int bind(int fd, const void *address, uint32_t length)',
  connect: 'int connect(int fd, const void *address, uint32_t length)',
  listen: 'int listen(int fd, int backlog)',
  accept4: 'int accept4(int fd, void *address, void *length, int flags)',
  getsockname: 'int getsockname(int fd, void *address, void *length)',
  getpeername: 'int getpeername(int fd, void *address, void *length)',
  getsockopt: 'int getsockopt(int fd, int level, int name, void *value, void *length)',
  setsockopt: 'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
  send: 'long send(int fd, const void *data, size_t length, int flags)',
  sendto: 'long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)',
  sendmsg: 'long sendmsg(int fd, const void *message, int flags)',
  recv: 'long recv(int fd, void *data, size_t length, int flags)',
  recvmsg: 'long recvmsg(int fd, void *message, int flags)',
  recvmmsg: 'int recvmmsg(int fd, void *messages, unsigned int count, int flags, long timeout)',
  read: 'long read(int fd, void *data, size_t length)',
  write: 'long write(int fd, const void *data, size_t length)',
  close: 'int close(int fd)',
  poll: 'int poll(void *fds, unsigned long count, int timeout)',
  epoll_create1: 'int epoll_create1(int flags)',
  epoll_ctl: 'int epoll_ctl(int epoll, int operation, int fd, const void *event)',
  epoll_wait: 'int epoll_wait(int epoll, void *events, int count, int timeout)',
  clock_gettime: 'int clock_gettime(int clock, void *time)',
  mmap: 'long mmap(long address, size_t length, int protection, int flags, int fd, long offset)',
  munmap: 'int munmap(long address, size_t length)',
  // System calls that no C library has a function for.
  perf_event_open: 'long syscall(long number, const void *attributes, long pid, long cpu, long group, long flags)',
  // New system calls that not every C library has a function for.
  fsopen: 'long syscall(long number, const void *type, long flags)',
  fsconfig: 'long syscall(long number, long fd, long command, long key, long value, long aux)',
  fsmount: 'long syscall(long number, long fd, long flags, long attributes)',
  // Variadic in C; integers and pointers are passed alike on the machines named above.
  openat: 'int openat(int dir, const void *path, int flags, uint32_t mode)',
  fcntl: 'int fcntl(int fd, int command, long argument)',
  ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
  ioctlNumber: 'int ioctl(int fd, unsigned long request, long argument)',
} as const

type Call = keyof typeof PROTOTYPES
type Argument = number | Uint8Array
/** A function of the C library; `async` calls it in a thread of Node's pool, where its errno is lost. */
type Bound = ((...args: Argument[]) => number) & { async(...args: unknown[]): void }

interface Loaded {
  readonly errno: () => number
  readonly address: (buffer: Uint8Array) => bigint
  readonly view: (address: number, length: number) => ArrayBuffer
  readonly call: (name: Call) => Bound
}

let loaded: Loaded | undefined

const ARCHITECTURES = ['x64', 'arm64', 'riscv64', 'loong64']

/**
 * Loads the C library, if that has not been done.
 * @throws LibcMissing
 */
export function loadLibc(load: () => unknown = () => createRequire(import.meta.url)('koffi'), arch: string = process.arch): Loaded {
  if (loaded && arguments.length === 0) return loaded
  if (!ARCHITECTURES.includes(arch)) throw new LibcMissing(`netlab does not run on ${arch} processors, only on ${ARCHITECTURES.join(', ')}`)
  let library: Koffi.LibraryHandle
  let koffi: typeof Koffi
  try {
    koffi = load() as typeof Koffi
    // The program itself, which is linked with its C library, whichever that is.
    library = koffi.load(null)
  } catch (error) {
    throw new LibcMissing(`the package koffi cannot be loaded on this machine (${arch}): ${(error as Error).message.split('\n')[0]}`)
  }
  const calls = new Map<Call, Bound>()
  const call = (name: Call): Bound => {
    let bound = calls.get(name)
    if (!bound) calls.set(name, (bound = library.func(PROTOTYPES[name]) as Bound))
    return bound
  }
  const { errno, address, view } = koffi
  return (loaded = { errno: () => errno(), address: (buffer) => address(buffer), view: (at, length) => view(at, length), call })
}

/**
 * Makes a call and returns what it returns, which is not negative. Interrupted calls are made again.
 * @throws SystemError
 */
export function libc(name: Call, ...args: Argument[]): number {
  const result = tryLibc(name, ...args)
  if (result < 0) throw new SystemError(name, -result)
  return result
}

/** The same, for calls whose failure is an answer: returns the negative error number. */
export function tryLibc(name: Call, ...args: Argument[]): number {
  const { call, errno } = loaded ?? loadLibc()
  const bound = call(name)
  for (;;) {
    const result = bound(...args)
    if (result >= 0) return result
    const error = errno()
    if (error !== constants.errno.EINTR) return -error
  }
}

/**
 * Makes a call that may take long in a thread of Node's pool, in the machine's namespace. The thread's errno cannot be read
 * from here: of a failure no more is known than that it was one. The buffers must be kept until then.
 * @returns what the call returned
 */
export const libcElsewhere = (name: Call, ...args: Argument[]): Promise<number> =>
  new Promise((resolve, reject) =>
    (loaded ?? loadLibc()).call(name).async(...args, (error: Error | null, result: number) => (error ? reject(error) : resolve(result))),
  )

/** sys/mman.h */
const PROT_READ_WRITE = 3
const MAP_SHARED = 1

/** Memory that is shared with the kernel. */
export interface SharedMemory {
  /** Not to be touched any more once it is closed. */
  readonly memory: ArrayBuffer
  close(): void
}

/** @throws SystemError */
export function sharedMemory(fd: number, length: number): SharedMemory {
  const address = libc('mmap', 0, length, PROT_READ_WRITE, MAP_SHARED, fd, 0)
  return { memory: (loaded ?? loadLibc()).view(address, length), close: () => void tryLibc('munmap', address, length) }
}

/** Where a buffer is. Good for as long as the caller keeps the buffer, which must be one of {@link fixedBuffer}. */
export const addressOf = (buffer: Uint8Array): bigint => (loaded ?? loadLibc()).address(buffer)

/** A buffer that never moves: small ones of Node's own live among the objects of the garbage collector. */
export const fixedBuffer = (length: number): Buffer => Buffer.from(new ArrayBuffer(length))

const words = new Map<number, string>()

/** The C library's words for an error, which are those that programs print: `File exists`. */
export function systemWords(errno: number): string {
  let text = words.get(errno)
  if (text === undefined) {
    const buffer = Buffer.alloc(256)
    tryLibc('__xpg_strerror_r', errno, buffer, buffer.length)
    words.set(errno, (text = buffer.toString('utf8', 0, buffer.indexOf(0))))
  }
  return text
}
