import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { attribute, Attributes, messages, NLM_F, NLMSG, refusal, request, u32 } from '../../../src/netns/netlink/message.ts'
import { decodeDumps, messagesOf, type RecordedDumps } from '../../support/recorded-dumps.ts'

const folder = new URL('recorded/', import.meta.url)

describe.each(readdirSync(folder))('the dumps of %s', (file) => {
  const { dumps, decoded } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
    dumps: RecordedDumps
    decoded: ReturnType<typeof decodeDumps>
  }

  test.each(Object.keys(decoded))('give the %s that they gave when iproute2 printed the same', (name) => {
    expect(decodeDumps(dumps)[name]).toEqual(decoded[name])
    expect(decoded[name]!.length).toBeGreaterThan(0)
  })

  test('are read as far as they are whole', () => {
    const whole = Buffer.from(dumps.links, 'base64')
    const all = messagesOf(dumps.links)
    for (const cut of [1, 16, 17, 100]) {
      const read = [...messages(whole.subarray(0, whole.length - cut))]
      expect(read.length).toBe(all.length - 1)
    }
    expect([...messages(whole.subarray(0, 10))]).toEqual([])
  })
})

describe('a request', () => {
  test('is written as it is read', () => {
    const body = Buffer.concat([Buffer.from([2, 0, 0, 0]), attribute(3, Buffer.from('eth0\0')), attribute(4, u32(1400))])
    const bytes = request(16, NLM_F.dump, 7, body)
    expect([...messages(bytes)]).toEqual([{ type: 16, flags: NLM_F.dump | NLM_F.request, sequence: 7, body }])
    const attributes = new Attributes(body, 4)
    expect([attributes.text(3), attributes.u32(4), attributes.has(5), attributes.u32(5)]).toEqual(['eth0', 1400, false, undefined])
    expect(attributes.types()).toEqual([3, 4])
  })

  test('that is refused tells why: a number, and words where the kernel has some', () => {
    const asked = request(16, 0, 1, Buffer.alloc(24))
    const error = Buffer.alloc(4)
    error.writeInt32LE(-22)
    const words = attribute(1, Buffer.from('Invalid scope value\0'))
    const message = (flags: number, ...body: Buffer[]) => ({ type: NLMSG.error, flags, sequence: 1, body: Buffer.concat(body) })
    expect(refusal(message(0, error, asked))).toEqual({ errno: 22 })
    expect(refusal(message(NLM_F.ackTlvs, error, asked, words))).toEqual({ errno: 22, words: 'Invalid scope value' })
    expect(refusal(message(NLM_F.ackTlvs | NLM_F.capped, error, asked.subarray(0, 16), words))).toEqual({
      errno: 22,
      words: 'Invalid scope value',
    })
  })
})
