/** Amazon SES v1: forms, lists as `X.member.N`. https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html */
import { type Asked, type Sending, Untranslatable } from '../mail/dialect.ts'
import { contentOf, message, rawOf } from './amazon-ses-read.ts'

/** What is left of a quota that nobody sets here: -1 is none, as there. */
export const quota = { Max24HourSend: -1, MaxSendRate: 1000, SentLast24Hours: 0 }

/** `SendEmail`, `SendRawEmail`, `SendTemplatedEmail`, and `GetSendQuota`, which sends nothing. */
export function formSending(asked: Asked): Sending {
  const form = new URLSearchParams(new TextDecoder().decode(asked.body))
  const action = form.get('Action')
  if (action === 'GetSendQuota') return { messages: [] }
  if (action !== null && actions.includes(action)) return sending(form, action, asked)
  const detail = `Could not find operation ${action} for version 2010-12-01: ${actions.join(', ')} and GetSendQuota are.`
  throw new Untranslatable({ status: 400, code: 'action', detail })
}

const actions = ['SendEmail', 'SendRawEmail', 'SendTemplatedEmail']

function sending(form: URLSearchParams, action: string, asked: Asked): Sending {
  const value = (name: string) => form.get(name) ?? undefined
  const list = (name: string) => members(form, name)
  const key = asked.headers['amz-sdk-invocation-id']
  const tags = tagsIn(form)
  const idle = ['ConfigurationSetName', 'ReturnPath', 'ReturnPathArn', 'SourceArn', 'FromArn']
  const ignored = idle.filter((name) => form.has(name))
  const named = key === undefined ? {} : { key }
  if (action === 'SendRawEmail') {
    const raw = rawOf(value('RawMessage.Data')?.replaceAll(' ', '+'), 'RawMessage.Data')
    const to = list('Destinations')
    const envelope = { from: value('Source'), destination: { ToAddresses: to }, replyTo: undefined, tags: [tags] }
    return { messages: [{ ...named, ...message({ raw }, envelope) }], ignored }
  }
  const text = (name: string) => (form.has(`${name}.Data`) ? { Data: value(`${name}.Data`) } : undefined)
  const simple = {
    Subject: text('Message.Subject') ?? {},
    Body: { Text: text('Message.Body.Text') ?? {}, Html: text('Message.Body.Html') ?? {} },
  }
  const template = {
    TemplateName: value('Template'),
    TemplateArn: value('TemplateArn'),
    TemplateData: value('TemplateData'),
  }
  const content = contentOf(action === 'SendEmail' ? { Simple: simple } : { Template: template }, ignored, asked)
  const one = message(content, {
    from: value('Source'),
    destination: {
      ToAddresses: list('Destination.ToAddresses'),
      CcAddresses: list('Destination.CcAddresses'),
      BccAddresses: list('Destination.BccAddresses'),
    },
    replyTo: list('ReplyToAddresses'),
    tags: [tags],
  })
  return { messages: [{ ...named, ...one }], ignored }
}

/** `X.member.1`, `X.member.2`, … in their order; undefined when there are none. */
function members(form: URLSearchParams, name: string): string[] | undefined {
  const found: string[] = []
  for (let n = 1; form.has(`${name}.member.${n}`); n++) found.push(form.get(`${name}.member.${n}`)!)
  return found.length > 0 ? found : undefined
}

function tagsIn(form: URLSearchParams): { Name: string; Value: string }[] {
  const found: { Name: string; Value: string }[] = []
  for (let n = 1; form.has(`Tags.member.${n}.Name`); n++) {
    found.push({ Name: form.get(`Tags.member.${n}.Name`)!, Value: form.get(`Tags.member.${n}.Value`) ?? '' })
  }
  return found
}
