/** Calls of a topic, for tests: an envelope signed with a key of their own, under a certificate that only they trust. */
import { createSign } from 'node:crypto'
import type { HookCall } from '../../src/mail/webhook.ts'
import { type HookData, hookTime, jsonCall, tampered } from '../adapters/fixture.ts'

/** "CN=Waypost test topics", RSA, until 2126. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIDHzCCAgegAwIBAgIUPhMQYeD0wtRt4dTHPU67niGNleowDQYJKoZIhvcNAQEL
BQAwHjEcMBoGA1UEAwwTV2F5cG9zdCB0ZXN0IHRvcGljczAgFw0yNjExMjYxMDA5
NTlaGA8yMTI2MTEwMjEwMDk1OVowHjEcMBoGA1UEAwwTV2F5cG9zdCB0ZXN0IHRv
cGljczCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMBZYkDvf6JbbBba
7W/s5crkRZIsS3kqDUMWJW37J2H4WPrUC6JyWZCZsWhZSsk4k5R00PE/lDc7oShg
kvpiDqROx0kdjlp+ZDL8lg05xkQNOQhayqB53nF11k349+ApLzWWv3MRoU2Ck2p+
nOZnDQZNN9GTGUh1yWPOTxDutolgeTzgcNrvJ36fDIn0LTN8XTosvOlk2bIFTMwr
a80Bg2OUsD02hQbqgeM2iVc3oh/1uvA/d2jnjkRJy8O0M65NG9rCBCQlIVDxfWb1
IlC7ugv2ox3/GrL98W1aaW4Plfa8FAzDZBPwHCcrwiGvslzyBXMF8WZbqKO8BtVx
mrWeyiUCAwEAAaNTMFEwHQYDVR0OBBYEFC8+8Zv4pseggts3FUUGXWyPB652MB8G
A1UdIwQYMBaAFC8+8Zv4pseggts3FUUGXWyPB652MA8GA1UdEwEB/wQFMAMBAf8w
DQYJKoZIhvcNAQELBQADggEBAFtA+QlE4JXbBIdaQZSlYBG73vdncLKoO68lCUbh
+MwkBKCN2hfJIEEZiZYOHK87wsqLgl0ISBk3iYrjHPXS2cV+Hd3Pwt5ifiE8eCp1
n8Dd8pnFLY/Qbr0CyUCfDJGQcUHKiHHD/bCIwwq92FPlY2i0is92+EJR5H3F6Fea
6AFuk5EFOEeOSXzpoAR4bgIoGxYlSFv2vFxbuRZPg9h84+KA382gbC2slUJOCDP0
pgC72C/I0zzKYtGStIEhj8b+Iq4EaZ/CvAYwGjP2N6R8/uhgKMLKINto7Vlc408e
/Ovo5+CLaqRnXJBqIPojrt+j9VxI1vnJtcVZSxubyyq04Vs=
-----END CERTIFICATE-----
`
const key = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDAWWJA73+iW2wW
2u1v7OXK5EWSLEt5Kg1DFiVt+ydh+Fj61AuiclmQmbFoWUrJOJOUdNDxP5Q3O6Eo
YJL6Yg6kTsdJHY5afmQy/JYNOcZEDTkIWsqged5xddZN+PfgKS81lr9zEaFNgpNq
fpzmZw0GTTfRkxlIdcljzk8Q7raJYHk84HDa7yd+nwyJ9C0zfF06LLzpZNmyBUzM
K2vNAYNjlLA9NoUG6oHjNolXN6If9brwP3do545EScvDtDOuTRvawgQkJSFQ8X1m
9SJQu7oL9qMd/xqy/fFtWmluD5X2vBQMw2QT8BwnK8Ihr7Jc8gVzBfFmW6ijvAbV
cZq1nsolAgMBAAECggEAP7s+AVr5dL+K5FW8lzmsd9nDrWeMyEQlKcXEOBkf1ue0
/8LTagsuXul1rSfszhg3WdiMxGp2/wf8YUcCXACybkGF6VVoLdaz92rWguJSLYke
DQUcHyjSCdDr5WDpLHYo5L4iiAte4TIzCvWRoguh9qUOKhvtpCMWy8F3VBpsE771
vEkpIbNGorvsEPQ6n2Tz/kAPLjnY2mY01hVon7Kly3BX03C/cbUhRiMLGCsOnxBG
rO7i3Zxz+34QcmdSeLvqJyqCTBgJ6Ll5ns8VNOTjF1vAa5bo1nY1moTGCFjDvS3O
NvwvsHMVj4o+rVyd9oh3Eiu7Tv1S/mz6koxyPf6PnwKBgQD6bh9qoYq6dzB/aLSN
uw8RimaI2riQ/ydQCZE/WcOIR2+wumm8s/G3f6f4EIlYIlkGtJXV4Me8GCtXovjH
y3co2fMALJQ2R1tqC7ZqhXyqfqwWdSs3Ys7S/CS7RvV4uGIPn4AY7UEvB12OAt99
+bsX3hEpicYi74fVv5eUwsLWjwKBgQDEoJCEmhJuzyGOrn/NpFjoQ7rkbDihI7nY
I5Wh3XF+nQGoB9MDua4KVk1LAM2yx2lpX8LKtkUdkmKbzimEj3+EUt9ZnxU/aqrE
jA/0jPfLVHThujsUv1zv/tAn11BkNFGAMCRhOyDz61ndGJE+4luUdunPmsrAXWSs
7SSNWCBOCwKBgGqK817AP285Si7KcxZhYPXLdff/Zcp6Y1VP3LWhEOkny0La7CVW
QR4ad3G4R1ZxtoJ9zcliildhyP7N3R3TWGzO3O1UCfJVxXSGayNCi1lV7wzW6H31
0Zw9nbr3Y3Pqrf2LlEoGllbVwV2rpz3HQ2vSFGchsGQomBe+HVUyzwXNAoGAfS0j
E+fqODURTf51SnuIRkVoI6dp3dwaoij1R5jsegiGV2yzv7ljvRz4E/ms+lXNG9Jk
9hxXn93jfQEgmU2phpojqrCGHFtR39KzDaL41a8swc+HcUvqZLc52UNP4JsWD5+W
aXf1IJQCH6lWPkxotPmHHC2VSiWqxBQsovcpicUCgYEAk69fSrz6xFCq1gu8sAGB
5WWRplhARCYal1Nh33vGN374NQmOmJmoFQcAUDd9pZJ3WMjenlWQBaszhId/++GL
RAE5ixC4KtNVVGM0KMXMDQBe5IwOVQQ1dXsEX5cYVvULeHuWY+9nzTRBR5F/as0I
65F50EqPl1pgCBY26tezmdg=
-----END PRIVATE KEY-----
`

type Fields = Record<string, string>

/** What a topic's certificates, and its confirmations, are asked at. */
export interface TopicVendor {
  arn: string
  certificateUrl: string
  subscribeUrl: string
}

/** A call of the topic. @param fields instead of those of a notification */
export function topicCall(vendor: TopicVendor, message: unknown, fields: Fields = {}): HookCall {
  const envelope: Fields = {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: vendor.arn,
    Message: typeof message === 'string' ? message : JSON.stringify(message),
    Timestamp: new Date(hookTime - 60_000).toISOString(),
    SignatureVersion: '2',
    SigningCertURL: vendor.certificateUrl,
    ...fields,
  }
  const names =
    envelope.Type === 'Notification'
      ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
  const signed = names.filter((name) => name in envelope).map((name) => `${name}\n${envelope[name]}\n`)
  const algorithm = envelope.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256'
  envelope.Signature = createSign(algorithm).update(signed.join('')).sign(key, 'base64')
  return jsonCall(envelope, { 'content-type': 'text/plain; charset=UTF-8' })
}

/** The same call, as the topic asks whether it may call at all. */
export function subscriptionCall(vendor: TopicVendor, fields: Fields = {}): HookCall {
  return topicCall(vendor, 'You have chosen to subscribe.', {
    Type: 'SubscriptionConfirmation',
    SubscribeURL: vendor.subscribeUrl,
    Token: 'a-token',
    ...fields,
  })
}

/** What the fixture of a vendor with topics says of its calls. */
export function topicHooks(vendor: TopicVendor): Pick<HookData, 'call' | 'forgeries' | 'fetch' | 'signedInBody'> {
  const changed = (how: string, message: unknown, fields: Fields) => ({
    how,
    forged: topicCall(vendor, message, fields),
  })
  return {
    signedInBody: true,
    call: (body, at = hookTime) => topicCall(vendor, body, { Timestamp: new Date(at - 60_000).toISOString() }),
    // The certificate is everywhere: where it may come from is what counts.
    fetch: async () => new Response(certificate),
    forgeries: (genuine) => {
      const { Message, ...rest } = JSON.parse(Buffer.from(genuine.body).toString())
      const elsewhere = new URL(vendor.certificateUrl)
      return [
        ...tampered(genuine),
        { how: 'another message', forged: jsonCall({ ...rest, Message: `${Message} ` }) },
        { how: 'no signature', forged: jsonCall({ ...rest, Message, Signature: '' }) },
        changed('a topic of others', Message, { TopicArn: `${vendor.arn}s` }),
        changed('another version', Message, { SignatureVersion: '3' }),
        changed('another type', Message, { Type: 'Rumour' }),
        ...[
          `https://${elsewhere.host}.evil.example${elsewhere.pathname}`,
          `https://evil.example/${elsewhere.host}${elsewhere.pathname}`,
          `https://evil.example#${vendor.certificateUrl}`,
          `https://${elsewhere.host}@evil.example${elsewhere.pathname}`,
          `http://${elsewhere.host}${elsewhere.pathname}`,
          `https://${elsewhere.host}:8443${elsewhere.pathname}`,
          vendor.certificateUrl.replace(/\.pem$/, '.txt'),
          'not an address',
        ].map((url) => changed(`a certificate from ${url}`, Message, { SigningCertURL: url })),
      ]
    },
  }
}
